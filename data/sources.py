"""From what a user names, `digits` or a path, to the reader and the files behind it."""

import contextlib
import difflib
import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import platformdirs

from data import cache, idx, image_folder, mat, torchvision_datasets
from data.dataset import RawDataset, RawImages
from data.digits import read_digits
from data.npz import read_npz
from data.resizing import Size
from errors import DatasetError, UsageError
from untrusted.sealed_json import canonical_json

DATASET_NAMES: tuple[str, ...] = ("digits", "mnist", "fashion-mnist", "svhn", "cifar10")
FORMS = "an .npz, a folder of IDX files, SVHN .mat files, an image folder, or a folder of images"

Read = Callable[[], RawDataset | RawImages]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a dataset comes from.

    Attributes:
        name: of the dataset.
        subject: what an error about it names: the path, or the name.
        reader: which reader it is for; part of the key.
        files: all that is read; none for the embedded digits.
        read: returns the raw arrays.
        image_size: height and width that they are resized to.
    """

    name: str
    subject: str
    reader: str
    files: tuple[Path, ...]
    read: Read
    image_size: Size | None = None

    def key(self) -> str:
        """Return the hex key of the prepared form; another one as soon as a file changes."""
        files = []
        for path in self.files:
            status = path.stat()
            # ctime too: copying with `cp -p` or `tar` puts the old mtime back.
            times = [status.st_mtime_ns, status.st_ctime_ns]
            # A name that is not UTF-8 is none of JSON's strings.
            name = os.fsencode(path.resolve()).decode("utf-8", "backslashreplace")
            files.append([name, status.st_size, *times])
        identity = [cache.FORMAT, self.reader, self.name, files]
        if self.image_size is not None:
            identity.append(list(self.image_size))
        return hashlib.sha256(canonical_json(identity)).hexdigest()


def data_directory(data_dir: Path | None) -> Path:
    """Return where downloadable datasets lie: `data_dir`, else $ONNXPROOF_DATA, else the cache."""
    if data_dir is not None:
        return data_dir.expanduser()
    named = os.environ.get("ONNXPROOF_DATA")
    if named:
        return Path(named).expanduser()
    return platformdirs.user_cache_path("onnxproof") / "data"


def source_from_spec(spec: str, data_dir: Path | None, image_size: Size | None = None) -> Source:
    """Return the source that a user named; a name goes before a file of that name.

    Raises:
        UsageError: neither a known name nor a path.
        DatasetError: the path is missing or none of the known forms, or a download failed.
    """
    if spec not in DATASET_NAMES:
        return _source_from_path(_path_from_spec(spec), image_size)
    if spec != "digits":
        torchvision_datasets.find_or_download(spec, data_directory(data_dir))
    source = source_from_name(spec, data_dir, image_size)
    assert source is not None  # a download ends with all files there, or with an error
    return source


def source_from_name(
    name: str, data_dir: Path | None, image_size: Size | None = None
) -> Source | None:
    """Return the source of one of `DATASET_NAMES`, or None where it is not here: no download."""
    reader: str = name
    read: Read = read_digits
    files = () if name == "digits" else torchvision_datasets.find(name, data_directory(data_dir))
    if files is None:
        return None
    if files:
        reader, read = f"torchvision-{name}", partial(torchvision_datasets.read, name, files)
    return Source(
        name=name, subject=name, reader=reader, files=files, read=read, image_size=image_size
    )


def _path_from_spec(spec: str) -> Path:
    path = Path(spec)
    # A spec that no file can be named, too long for one, is a path that does not exist.
    with contextlib.suppress(OSError):
        if spec and path.exists():
            return path
    looks_like_path = len(path.parts) > 1 or path.suffix.lower() in (".npz", ".mat")
    if looks_like_path:
        raise DatasetError(spec, f"no such file or folder: wanted {FORMS}")
    close = difflib.get_close_matches(spec, DATASET_NAMES, n=1)
    raise UsageError(
        "--dataset",
        f"unknown dataset {spec!r}: wanted one of {', '.join(DATASET_NAMES)}, or a path to {FORMS}",
        hint=f"did you mean {close[0]!r}?" if close else None,
    )


def name_from_path(path: Path) -> str:
    """Return the name of a dataset at a path: a slug of the file's stem or the folder's name.

    `data/SVHN_gray.npz` is `svhn-gray`; one of a pair of `.mat` files is named like its folder.
    """
    resolved = path.resolve()
    if resolved.name in mat.FILE_NAMES:
        stem = resolved.parent.name
    else:
        stem = resolved.stem if resolved.suffix.lower() == ".npz" else resolved.name
    return re.sub(r"[^a-z0-9.]+", "-", stem.lower()).strip("-.") or "dataset"


def _source_from_path(path: Path, image_size: Size | None) -> Source:
    reader, files, read = _reader_from_path(path, image_size)
    return Source(
        name=name_from_path(path),
        subject=str(path),
        reader=reader,
        files=files,
        read=read,
        image_size=image_size,
    )


def _reader_from_path(path: Path, image_size: Size | None) -> tuple[str, tuple[Path, ...], Read]:
    if path.suffix.lower() == ".npz" and not path.is_dir():
        return "npz", (path,), partial(read_npz, path)
    folder = path.parent if path.name in mat.FILE_NAMES else path
    form = _form_of_folder(path, folder)
    if form == "IDX":
        files = idx.find_idx_files(folder)
        return "idx", files, partial(idx.read_idx_files, files)
    if form == "SVHN .mat":
        files = mat.find_mat_pair(folder)
        return "mat", files, partial(mat.read_mat_pair, files)
    if form == "image folder":
        files = image_folder.find_images(folder)
        read = partial(image_folder.read_image_folder, folder, files, image_size)
        return "image-folder", files, read
    files = image_folder.find_unlabelled_images(folder)
    return "images", files, partial(image_folder.read_unlabelled_images, files, image_size)


def _form_of_folder(path: Path, folder: Path) -> str:
    """Return what the folder that `path` names, or is in, holds."""
    forms = {
        "IDX": any((folder / f"{stem}{end}").exists() for stem in idx.STEMS for end in ("", ".gz")),
        "SVHN .mat": any((folder / name).exists() for name in mat.FILE_NAMES),
        "image folder": (folder / "train").is_dir() or (folder / "test").is_dir(),
    }
    found = [form for form, is_there in forms.items() if is_there]
    # Images beside something else are somebody's notes, not the dataset.
    if not found and folder.is_dir() and image_folder.has_images(folder):
        found = ["images"]
    if not folder.is_dir() or len(found) != 1:
        kind = f"a folder with {' and '.join(found) or 'none of these'}"
        raise DatasetError(
            str(path), f"wanted {FORMS}; found {kind if folder.is_dir() else 'another file'}"
        )
    return found[0]
