"""Datasets that torchvision knows too, in its own layout, their files verified byte for byte."""

import errno
import logging
from collections.abc import Sequence
from pathlib import Path

from data import idx, mat
from data.checks import one_line
from data.cifar10 import read_cifar10
from data.dataset import RawDataset
from data.known_files import CIFAR10_FOLDER, LAYOUTS, KnownFile
from errors import DatasetError
from storage.space import require_space
from storage.temporary import temporary_directory
from storage.writing import put_in_place
from untrusted import downloads
from untrusted.files import opened_file

logger = logging.getLogger("onnxproof")


def find_or_download(name: str, data_dir: Path) -> tuple[Path, ...]:
    """Return the files of a dataset, in the order of its layout, downloaded if they are not there.

    Nothing that lies there already is overwritten, and a broken download leaves nothing behind.

    Raises:
        DatasetError: not there, and the download failed.
        UnfinishedError: there is no room for it on the disk.
    """
    if found := find(name, data_dir):
        return found
    _download(name, data_dir)
    return tuple(data_dir / file.path for file in LAYOUTS[name].downloaded)


def find(name: str, data_dir: Path) -> tuple[Path, ...] | None:
    """Return the files of a dataset, in the order of its layout, or None if they are not there."""
    for form in (LAYOUTS[name].downloaded, LAYOUTS[name].unpacked):
        files = tuple(data_dir / file.path for file in form)
        if form and all(path.exists() for path in files):
            return files
    return None


def read(name: str, files: Sequence[Path]) -> RawDataset:
    """Return the dataset in these files, their checksums verified before anything is decoded.

    Raises:
        DatasetError: a file is not the one that torchvision knows, or is damaged.
    """
    _verify(name, files)
    classes = LAYOUTS[name].classes
    if name == "svhn":
        return mat.read_mat_pair(files)
    if name == "cifar10":
        return read_cifar10(files, CIFAR10_FOLDER, classes)
    return idx.read_idx_files(files, classes)


def _verify(name: str, files: Sequence[Path]) -> None:
    layout = LAYOUTS[name]
    known = {Path(file.path).name: file for file in (*layout.downloaded, *layout.unpacked)}
    if not known[files[0].name].has_checksum:
        logger.warning("%s: unpacked files in %s, not verified", name, files[0].parent)
        return
    for path in files:
        with opened_file(path, error=DatasetError) as file:
            difference = known[path.name].difference(file)
        if difference is not None:
            use_it = f", or use it as it is: --dataset {path.parent}" if name != "cifar10" else ""
            raise DatasetError(
                str(path), difference, hint=f"delete it to have it downloaded again{use_it}"
            )


def _download(name: str, data_dir: Path) -> None:
    missing = [file for file in LAYOUTS[name].downloaded if not (data_dir / file.path).exists()]
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        require_space(
            data_dir,
            sum(file.size_bytes for file in missing),
            f"to download {name}",
            hint="free some space, or name another directory with --data-dir",
        )
        for file in missing:
            logger.info("%s: downloading %s, %.1f MB", name, file.url, file.size_bytes / 1e6)
            _place(file, data_dir)
    except downloads.FAILURES as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise  # no fault of the network: told by the caller
        lacking = [file for file in missing if not (data_dir / file.path).exists()]
        raise DatasetError(
            name,
            f"not in {data_dir} (looked for {', '.join(file.path for file in lacking)}), and the"
            f" download failed: {one_line(error)}",
            hint="fetch "
            + ", ".join(f"{file.url} (sha256 {file.sha256})" for file in lacking)
            + f" on another machine and put them there under {data_dir}",
        ) from error


def _place(known: KnownFile, data_dir: Path) -> None:
    """Download a file beside its place, and move it there once it is verified."""
    target = data_dir / known.path
    with temporary_directory(data_dir) as temporary:
        part = temporary / target.name
        downloads.download(known.url, part, known.size_bytes)
        with part.open("rb") as file:
            difference = known.difference(file)
        if difference is not None:
            raise OSError(f"what {known.url} sent is not the file: {difference}")
        target.parent.mkdir(parents=True, exist_ok=True)
        put_in_place(target, part)
