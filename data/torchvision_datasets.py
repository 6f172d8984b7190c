"""Datasets that torchvision knows how to download, in its own layout and with its checksums."""

import contextlib
import errno
import hashlib
import http.client
import io
import logging
import shutil
import socket
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data import idx, mat
from data.checks import one_line
from data.dataset import RawDataset
from data.digits import DIGIT_CLASSES
from errors import DatasetError

SOCKET_TIMEOUT_SECONDS = 30.0  # of silence; torchvision itself would wait for ever

logger = logging.getLogger("onnxproof")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one dataset may lie under the data directory.

    Attributes:
        downloaded: the files as they are downloaded, each with a checksum in torchvision.
        unpacked: the same data unpacked, which torchvision reads too.
        classes: the names of the labels 0, 1, 2 ...
    """

    downloaded: tuple[str, ...]
    unpacked: tuple[str, ...] = ()
    classes: tuple[str, ...] = DIGIT_CLASSES


FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
IDX_NAMES = ("mnist", "fashion-mnist")
CIFAR10_FOLDER = "cifar-10-batches-py"
LAYOUTS = {
    "mnist": Layout(
        downloaded=tuple(f"MNIST/raw/{stem}.gz" for stem in idx.STEMS),
        unpacked=tuple(f"MNIST/raw/{stem}" for stem in idx.STEMS),
    ),
    "fashion-mnist": Layout(
        downloaded=tuple(f"FashionMNIST/raw/{stem}.gz" for stem in idx.STEMS),
        unpacked=tuple(f"FashionMNIST/raw/{stem}" for stem in idx.STEMS),
        classes=FASHION_CLASSES,
    ),
    "svhn": Layout(downloaded=mat.FILE_NAMES),
    "cifar10": Layout(
        downloaded=("cifar-10-python.tar.gz",),
        unpacked=tuple(
            f"{CIFAR10_FOLDER}/{name}"
            for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch", "batches.meta")
        ),
        classes=CIFAR10_CLASSES,
    ),
}


def find_or_download(name: str, data_dir: Path) -> tuple[Path, ...]:
    """Return the files of a dataset, in the order of its layout, downloaded if they are not there.

    Nothing that lies there already is overwritten, and a broken download leaves nothing behind.

    Raises:
        DatasetError: not there, and the download failed.
        OSError: the disk is full.
    """
    if found := find(name, data_dir):
        return found
    _download(name, data_dir)
    return tuple(data_dir / relative for relative in LAYOUTS[name].downloaded)


def find(name: str, data_dir: Path) -> tuple[Path, ...] | None:
    """Return the files of a dataset, in the order of its layout, or None if they are not there."""
    layout = LAYOUTS[name]
    for form in (layout.downloaded, layout.unpacked):
        files = tuple(data_dir / relative for relative in form)
        if form and all(path.is_file() for path in files):
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
        return _read_cifar10(files, classes)
    return idx.read_idx_files(files, classes)


def _verify(name: str, files: Sequence[Path]) -> None:
    checksums = _md5_by_file_name(name)
    if name in IDX_NAMES and files[0].suffix != ".gz":
        # Everything but these, and every pickle, has a checksum.
        logger.warning("%s: unpacked files in %s, not verified", name, files[0].parent)
        return
    for path in files:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, _md5).hexdigest()
        wanted = checksums[path.name]
        if found != wanted:
            use_it = f", or use it as it is: --dataset {path.parent}" if name != "cifar10" else ""
            raise DatasetError(
                str(path),
                f"its md5 is {found}, torchvision knows it with {wanted}",
                hint=f"delete it to have it downloaded again{use_it}",
            )


def _md5() -> "hashlib._Hash":
    return hashlib.md5(usedforsecurity=False)


def _md5_by_file_name(name: str) -> dict[str, str]:
    from torchvision.datasets import CIFAR10, MNIST, SVHN, FashionMNIST

    if name == "cifar10":
        meta = {CIFAR10.meta["filename"]: CIFAR10.meta["md5"], CIFAR10.filename: CIFAR10.tgz_md5}
        return dict(CIFAR10.train_list) | dict(CIFAR10.test_list) | meta
    if name == "svhn":
        return {file_name: md5 for _, file_name, md5 in SVHN.split_list.values()}
    return dict({"mnist": MNIST, "fashion-mnist": FashionMNIST}[name].resources)


def _read_cifar10(files: Sequence[Path], classes: tuple[str, ...]) -> RawDataset:
    from torchvision.datasets import CIFAR10

    with tempfile.TemporaryDirectory(prefix="onnxproof-") as unpacked:
        root = files[0].parent.parent
        if len(files) == 1:
            root = Path(unpacked)
            _unpack(files[0], LAYOUTS["cifar10"].unpacked, root)
        # The batches are pickles. CIFAR10 compares the md5 of each with its table before it opens
        # any of them, so only files that are known byte for byte are ever unpickled.
        train, test = (CIFAR10(root, train=train) for train in (True, False))
    return RawDataset(
        train_images=_channels_first(train.data),
        train_labels=np.array(train.targets),
        test_images=_channels_first(test.data),
        test_labels=np.array(test.targets),
        classes=classes,
    )


def _unpack(archive_path: Path, names: Sequence[str], root: Path) -> None:
    """Unpack these files and no others (tarfile has filters only from Python 3.11.4 on)."""
    with tarfile.open(archive_path) as archive:
        for name in names:
            content = archive.extractfile(name)
            if content is None:
                raise DatasetError(str(archive_path), f"{name} in it is not a file")
            (root / name).parent.mkdir(exist_ok=True)
            with content, (root / name).open("wb") as target:
                shutil.copyfileobj(content, target)


def _channels_first(images_NHWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return images_NHWC.transpose(0, 3, 1, 2)


def _download(name: str, data_dir: Path) -> None:
    layout = LAYOUTS[name]
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        # Beside its place: torchvision writes under the final name, where an interrupted download
        # would look like a damaged file.
        with tempfile.TemporaryDirectory(prefix=".download-", dir=data_dir) as temporary:
            with _quiet(), _socket_timeout(SOCKET_TIMEOUT_SECONDS):
                _download_with_torchvision(name, Path(temporary))
            for relative in layout.downloaded:
                target = data_dir / relative
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.move(Path(temporary) / relative, target)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise  # no fault of the network: told by the caller
        missing = [path for path in layout.downloaded if not (data_dir / path).exists()]
        raise DatasetError(
            name,
            f"not in {data_dir} (looked for {', '.join(missing)}), and the download failed: "
            + one_line(error),
            hint=f"fetch these files on another machine and put them under {data_dir}",
        ) from error


def _download_with_torchvision(name: str, root: Path) -> None:
    from torchvision.datasets import CIFAR10, MNIST, SVHN, FashionMNIST

    if name == "svhn":
        for split in ("train", "test"):
            SVHN(root, split=split, download=True)
    else:
        {"mnist": MNIST, "fashion-mnist": FashionMNIST, "cifar10": CIFAR10}[name](
            root, download=True
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep torchvision off standard output, and its progress bar off all but a terminal."""
    stream = sys.stderr if sys.stderr.isatty() else io.StringIO()
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        yield


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
