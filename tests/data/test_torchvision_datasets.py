import gzip
import hashlib
import io
import logging
import os
import pickle
import shutil
import socket
import sys
import tarfile
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from torchvision.datasets import CIFAR10, MNIST, SVHN, FashionMNIST

from data import load_dataset
from data.cifar10 import read_cifar10
from data.idx import STEMS
from data.known_files import CIFAR10_FOLDER, LAYOUTS, KnownFile, Layout
from data.torchvision_datasets import find_or_download
from errors import DatasetError, UnfinishedError
from tests.data.test_idx import write_idx_folder
from tests.data.test_mat import write_mat_pair

IDX_FOLDERS = {"mnist": "MNIST/raw", "fashion-mnist": "FashionMNIST/raw"}


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return small sets in torchvision's layout, whose checksums torchvision is told."""
    root = tmp_path / "sets"
    for name, dataset in (("mnist", MNIST), ("fashion-mnist", FashionMNIST)):
        folder = root / IDX_FOLDERS[name]
        write_idx_folder(folder, compressed=True)
        resources = [(f"{stem}.gz", md5(folder / f"{stem}.gz")) for stem in STEMS]
        monkeypatch.setattr(dataset, "resources", resources)
    write_mat_pair(root)
    table = {
        split: ["http://nowhere.invalid", f"{split}_32x32.mat", md5(root / f"{split}_32x32.mat")]
        for split in ("train", "test")
    }
    monkeypatch.setattr(SVHN, "split_list", table)
    write_cifar10(root)
    for attribute in ("train_list", "test_list"):
        names = [file_name for file_name, _ in getattr(CIFAR10, attribute)]
        sums = [[name, md5(root / CIFAR10_FOLDER / name)] for name in names]
        monkeypatch.setattr(CIFAR10, attribute, sums)
    meta = CIFAR10.meta | {"md5": md5(root / CIFAR10_FOLDER / "batches.meta")}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(root / "cifar-10-python.tar.gz"))
    for name, layout in LAYOUTS.items():
        known = Layout(
            downloaded=tuple(known_as_it_is(root, file) for file in layout.downloaded),
            unpacked=tuple(
                replace(file, md5=md5(root / file.path)) if file.has_checksum else file
                for file in layout.unpacked
            ),
            classes=layout.classes,
        )
        monkeypatch.setitem(LAYOUTS, name, known)
    return root


def known_as_it_is(root: Path, file: KnownFile) -> KnownFile:
    path = root / file.path
    return replace(
        file,
        md5=md5(path),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size_bytes=path.stat().st_size,
    )


def write_cifar10(root: Path) -> None:
    """Write batches of two images each, as http://www.cs.toronto.edu/~kriz/cifar.html says."""
    folder = root / CIFAR10_FOLDER
    folder.mkdir()
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    for number, name in enumerate(names):
        batch = {"data": cifar10_rows(number), "labels": [number, 9]}
        (folder / name).write_bytes(pickled_in_2009(batch))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    with tarfile.open(root / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add(folder, arcname=CIFAR10_FOLDER)


def save_bytes(pickler: Any, value: bytes) -> None:
    pickler.write(pickle.BINSTRING + len(value).to_bytes(4, "little") + value)
    pickler.memoize(value)


class Python2Pickler(pickle._Pickler):
    """Writes bytes as Python 2 did, whose text they were."""

    dispatch: ClassVar[Any] = {**pickle._Pickler.dispatch, bytes: save_bytes}


def pickled_in_2009(batch: object) -> bytes:
    Python2Pickler(stream := io.BytesIO(), protocol=2).dump(batch)
    content = stream.getvalue().replace(b"numpy._core", b"numpy.core")
    # As a numpy of 2009 pickled them: 0 and 1 where False and True are now.
    old = content.replace(b"\x89\x88\x87", b"K\x00K\x01\x87")
    assert old != content
    return old


def cifar10_rows(number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    generator = np.random.default_rng(number)
    return generator.integers(0, 256, (2, 3072), dtype=np.uint8)


def load_or_fail(name: str, data_dir: Path) -> DatasetError:
    with pytest.raises(DatasetError) as caught:
        load_dataset(name, data_dir=data_dir)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_idx_dataset_equals_torchvisions(data_dir: Path, name: str) -> None:
    dataset = load_dataset(name, data_dir=data_dir)
    assert dataset.name == name
    oracle_class = {"mnist": MNIST, "fashion-mnist": FashionMNIST}[name]
    for split, train in ((dataset.train, True), (dataset.test, False)):
        oracle = oracle_class(data_dir, train=train, download=True)  # unpacks what is there
        assert np.array_equal(split.images[:, 0], oracle.data.numpy())
        assert np.array_equal(split.labels, oracle.targets.numpy())


def test_svhn_equals_torchvisions(data_dir: Path) -> None:
    dataset = load_dataset("svhn", data_dir=data_dir)
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        oracle = SVHN(data_dir, split=name)
        assert np.array_equal(split.images, oracle.data)
        assert np.array_equal(split.labels, oracle.labels)


@pytest.mark.parametrize("form", ["batches", "archive"])
def test_cifar10_is_what_pickle_wrote(data_dir: Path, form: str) -> None:
    if form == "batches":
        (data_dir / "cifar-10-python.tar.gz").unlink()
    else:
        shutil.rmtree(data_dir / CIFAR10_FOLDER)
    before = sorted(data_dir.rglob("*"))
    dataset = load_dataset("cifar10", data_dir=data_dir)
    assert dataset.train.images.shape == (10, 3, 32, 32)
    assert np.array_equal(dataset.test.images, cifar10_rows(5).reshape(2, 3, 32, 32))
    assert dataset.train.labels.tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]
    assert dataset.test.labels.tolist() == [5, 9]
    assert sorted(data_dir.rglob("*")) == before


def test_class_names_are_torchvisions() -> None:
    assert list(LAYOUTS["fashion-mnist"].classes) == FashionMNIST.classes
    assert LAYOUTS["mnist"].classes == LAYOUTS["svhn"].classes == tuple("0123456789")
    assert LAYOUTS["cifar10"].classes[:3] == ("airplane", "automobile", "bird")
    assert len(LAYOUTS["cifar10"].classes) == 10


def test_layouts_are_torchvisions_with_its_checksums() -> None:
    def md5_by_path(files: tuple[KnownFile, ...]) -> dict[str, str | None]:
        return {file.path: file.md5 for file in files}

    batches = [
        *CIFAR10.train_list,
        *CIFAR10.test_list,
        [CIFAR10.meta[k] for k in ("filename", "md5")],
    ]
    assert md5_by_path(LAYOUTS["cifar10"].unpacked) == {
        f"{CIFAR10_FOLDER}/{name}": md5 for name, md5 in batches
    }
    assert CIFAR10.base_folder == CIFAR10_FOLDER
    assert md5_by_path(LAYOUTS["cifar10"].downloaded) == {CIFAR10.filename: CIFAR10.tgz_md5}
    splits = [SVHN.split_list[split] for split in ("train", "test")]
    assert md5_by_path(LAYOUTS["svhn"].downloaded) == {name: md5 for _, name, md5 in splits}
    for name, dataset in (("mnist", MNIST), ("fashion-mnist", FashionMNIST)):
        files = {f"{IDX_FOLDERS[name]}/{file_name}": md5 for file_name, md5 in dataset.resources}
        assert md5_by_path(LAYOUTS[name].downloaded) == files


def test_every_download_is_by_https_and_has_its_sha256() -> None:
    for layout in LAYOUTS.values():
        for file in layout.downloaded:
            assert file.url.startswith("https://")
            assert file.url.endswith(f"/{Path(file.path).name}")
            assert len(file.sha256 or "") == 64
            assert file.size_bytes > 4000


@pytest.mark.parametrize(
    ("name", "damaged"),
    [
        ("mnist", "MNIST/raw/t10k-labels-idx1-ubyte.gz"),
        ("fashion-mnist", "FashionMNIST/raw/train-images-idx3-ubyte.gz"),
        ("svhn", "test_32x32.mat"),
        ("cifar10", "cifar-10-python.tar.gz"),
    ],
)
def test_dataset_refused_and_kept_when_checksum_is_wrong(
    data_dir: Path, name: str, damaged: str
) -> None:
    path = data_dir / damaged
    whole = path.read_bytes()
    found = hashlib.sha256(whole[:-1] + b"!").hexdigest()
    for content, told in (
        (whole + b"\0", f"it has {len(whole) + 1:,} bytes, wanted {len(whole):,}"),
        (whole[:-1] + b"!", f"its sha256 is {found}, wanted "),
    ):
        path.write_bytes(content)
        error = load_or_fail(name, data_dir)
        assert error.subject == str(path)
        assert error.problem.startswith(told)
        assert error.hint is not None
        assert path.read_bytes() == content


class Harmful:
    """Would end the test if it were unpickled."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return SystemExit, (99,)


@pytest.mark.parametrize("batch", ["data_batch_3", "test_batch", "batches.meta"])
def test_cifar10_is_not_unpickled_when_checksum_is_wrong(data_dir: Path, batch: str) -> None:
    (data_dir / "cifar-10-python.tar.gz").unlink()
    path = data_dir / CIFAR10_FOLDER / batch
    path.write_bytes(pickle.dumps(Harmful()))
    error = load_or_fail("cifar10", data_dir)
    assert error.subject == str(path)
    assert error.problem.startswith(f"its md5 is {md5(path)}, wanted ")


def test_cifar10_s_batches_can_call_nothing_but_numpy_s_arrays(data_dir: Path) -> None:
    files = [data_dir / file.path for file in LAYOUTS["cifar10"].unpacked]
    files[2].write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(pickle.UnpicklingError, match=r"a batch calls builtins\.SystemExit"):
        read_cifar10(files, CIFAR10_FOLDER, ())


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_named_pipe_in_a_file_s_place_is_refused(data_dir: Path, name: str) -> None:
    path = data_dir / LAYOUTS[name].downloaded[-1].path
    path.unlink()
    os.mkfifo(path)
    assert load_or_fail(name, data_dir).problem == "is a named pipe: wanted a regular file"


def test_mnist_is_read_from_unpacked_files_with_a_warning(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = data_dir / "MNIST/raw"
    for path in list(folder.iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    with caplog.at_level(logging.WARNING, "onnxproof"):
        assert len(load_dataset("mnist", data_dir=data_dir).train) == 2
    assert [r.getMessage() for r in caplog.records] == [
        f"mnist: unpacked files in {folder}, not verified"
    ]


def replace_download(monkeypatch: pytest.MonkeyPatch, action: Callable[..., None]) -> None:
    monkeypatch.setattr("untrusted.downloads.download", action)


def test_dataset_is_downloaded_when_files_are_missing(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(url: str, path: Path, size_bytes: int) -> None:
        (source,) = data_dir.rglob(url.rpartition("/")[2])
        assert source.stat().st_size == size_bytes
        path.write_bytes(source.read_bytes())

    shutil.rmtree(data_dir / "FashionMNIST")
    replace_download(monkeypatch, download)
    empty = tmp_path / "empty"
    dataset = load_dataset("mnist", data_dir=empty)
    assert dataset.sha256 == load_dataset("mnist", data_dir=data_dir).sha256
    found = {str(path.relative_to(empty)) for path in empty.rglob("*") if path.is_file()}
    assert found == {file.path for file in LAYOUTS["mnist"].downloaded}
    assert not list(empty.glob(".*"))


def test_download_leaves_files_alone_that_are_there(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(url: str, path: Path, _: int) -> None:
        shutil.copyfile(data_dir / url.rpartition("/")[2], path)

    replace_download(monkeypatch, download)
    partial = tmp_path / "partial"
    partial.mkdir()
    (partial / "train_32x32.mat").write_bytes(b"mine")
    find_or_download("svhn", partial)
    assert (partial / "train_32x32.mat").read_bytes() == b"mine"
    assert md5(partial / "test_32x32.mat") == md5(data_dir / "test_32x32.mat")


def test_download_is_refused_and_nothing_left_when_it_is_another_file(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(url: str, path: Path, size_bytes: int) -> None:
        path.write_bytes(bytes(size_bytes))

    replace_download(monkeypatch, download)
    error = load_or_fail("svhn", tmp_path / "empty")
    assert "train_32x32.mat sent is not the file: its sha256 is " in error.problem
    assert list((tmp_path / "empty").iterdir()) == []


def refuse_connections(*_: object, **__: object) -> None:
    raise socket.gaierror(-2, "Name or service not known")


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_download_refused_with_what_is_missing_when_there_is_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", refuse_connections)
    error = load_or_fail(name, tmp_path / "empty")
    assert error.subject == name
    assert error.problem.startswith(f"not in {tmp_path / 'empty'} (looked for ")
    assert "the download failed: " in error.problem
    assert "Name or service not known" in error.problem
    for file in LAYOUTS[name].downloaded:
        assert file.path in error.problem
        assert f"{file.url} (sha256 {file.sha256})" in (error.hint or "")
    assert list((tmp_path / "empty").iterdir()) == []


def test_download_is_unfinished_when_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(_: str, path: Path, __: int) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    replace_download(monkeypatch, fill)
    with pytest.raises(UnfinishedError, match="svhn: disk full: "):
        load_dataset("svhn", data_dir=tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == []


def test_download_does_not_begin_where_it_has_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", ["free", "total"])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(246_316_177, 10**9))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a connection"))
    told = r"to download svhn takes about 246,316,178 bytes there, 246,316,177 are free$"
    with pytest.raises(UnfinishedError, match=told):
        load_dataset("svhn", data_dir=tmp_path)


def test_reading_needs_no_torchvision(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("torch", "torchvision", "torchvision.datasets"):
        monkeypatch.setitem(sys.modules, module, None)
    for name in LAYOUTS:
        assert len(load_dataset(name, data_dir=data_dir).test) > 1
