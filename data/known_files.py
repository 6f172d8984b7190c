"""The files of public datasets, known byte for byte: where they lie, where they come from.

Paths and md5 are torchvision's, so that both read the same directory. The addresses are not: some
of torchvision's are http, and where https fails it tries http. The sha256 of MNIST are those of
the official files; of Fashion-MNIST and SVHN those of tensorflow/datasets
(`url_checksums/fashion_mnist.txt`, `svhn_cropped.txt`), of CIFAR-10 that of Keras
(`keras/datasets/cifar10.py`), whose files have torchvision's md5 too.
"""

import hashlib
import io
import os
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from data import idx, mat
from data.digits import DIGIT_CLASSES

# Publishers' own, but for MNIST, whose first address has refused downloads for years.
MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist"
FASHION_URL = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion"
SVHN_URL = "https://ufldl.stanford.edu/housenumbers"
CIFAR10_URL = "https://www.cs.toronto.edu/~kriz"
CIFAR10_FOLDER = "cifar-10-batches-py"


@dataclass(frozen=True, kw_only=True)
class KnownFile:
    """A file under the data directory.

    Attributes:
        path: relative to the directory.
        md5: torchvision's; None where it has none, which is for unpacked files of MNIST's form.
        sha256: None where it is not known, which is for files in an archive.
        size_bytes: of a file that can be downloaded.
        url: of the same.
    """

    path: str
    md5: str | None = None
    sha256: str | None = None
    size_bytes: int = 0
    url: str = ""

    @property
    def has_checksum(self) -> bool:
        """Whether what it should be is known."""
        return self.md5 is not None

    def difference(self, file: io.BufferedReader) -> str | None:
        """Return in which way a file is another one, or None if it is the same, byte for byte."""
        found_bytes = os.fstat(file.fileno()).st_size
        if self.size_bytes and found_bytes != self.size_bytes:
            return f"it has {found_bytes:,} bytes, wanted {self.size_bytes:,}"
        for algorithm, wanted in (("sha256", self.sha256), ("md5", self.md5)):
            if wanted is not None:
                file.seek(0)
                hash_of = partial(hashlib.new, algorithm, usedforsecurity=False)
                found = hashlib.file_digest(file, hash_of).hexdigest()
                if found != wanted:
                    return f"its {algorithm} is {found}, wanted {wanted}"
        return None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one dataset may lie under the data directory.

    Attributes:
        downloaded: the files as they are downloaded.
        unpacked: the same data unpacked, which torchvision reads too.
        classes: the names of the labels 0, 1, 2 ...
    """

    downloaded: tuple[KnownFile, ...]
    unpacked: tuple[KnownFile, ...] = ()
    classes: tuple[str, ...] = DIGIT_CLASSES


def _downloaded(folder: str, url: str, *rows: tuple[str, int, str, str]) -> tuple[KnownFile, ...]:
    return tuple(
        KnownFile(
            path=str(PurePosixPath(folder, name)),
            md5=md5,
            sha256=sha256,
            size_bytes=size_bytes,
            url=f"{url}/{name}",
        )
        for name, size_bytes, md5, sha256 in rows
    )


def _unpacked(folder: str, *rows: tuple[str, str | None]) -> tuple[KnownFile, ...]:
    return tuple(KnownFile(path=f"{folder}/{name}", md5=md5) for name, md5 in rows)


TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = (f"{stem}.gz" for stem in idx.STEMS)
_MNIST = _downloaded(
    "MNIST/raw",
    MNIST_URL,
    (
        TRAIN_IMAGES,
        9_912_422,
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    (
        TRAIN_LABELS,
        28_881,
        "d53e105ee54ea40749a09fcbcd1e9432",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    (
        TEST_IMAGES,
        1_648_877,
        "9fb629c4189551a2d022fa330f9573f3",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    (
        TEST_LABELS,
        4_542,
        "ec29112dd5afa0611ce80d1b7f02629c",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)
_FASHION = _downloaded(
    "FashionMNIST/raw",
    FASHION_URL,
    (
        TRAIN_IMAGES,
        26_421_880,
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    (
        TRAIN_LABELS,
        29_515,
        "25c81989df183df01b3e8a0aad5dffbe",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    (
        TEST_IMAGES,
        4_422_102,
        "bef4ecab320f06d8554ea6380940ec79",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    (
        TEST_LABELS,
        5_148,
        "bb300cfdad3c16e7a12a480ee83cd310",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)
_SVHN = _downloaded(
    "",
    SVHN_URL,
    (
        mat.FILE_NAMES[0],
        182_040_794,
        "e26dedcc434d2e4c54c9b2d4a06d8373",
        "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
    ),
    (
        mat.FILE_NAMES[1],
        64_275_384,
        "eb5a983be6a315427106f1b164d9cef3",
        "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
    ),
)
_CIFAR10 = _downloaded(
    "",
    CIFAR10_URL,
    (
        "cifar-10-python.tar.gz",
        170_498_071,
        "c58f30108f718f92721af3b95e74349a",
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ),
)
_CIFAR10_BATCHES = _unpacked(
    CIFAR10_FOLDER,
    ("data_batch_1", "c99cafc152244af753f735de768cd75f"),
    ("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
    ("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
    ("data_batch_4", "634d18415352ddfa80567beed471001a"),
    ("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
    ("test_batch", "40351d587109b95175f43aff81a1287e"),
    ("batches.meta", "5ff9c542aee3614f3951f8cda6e48888"),
)
LAYOUTS = {
    "mnist": Layout(
        downloaded=_MNIST, unpacked=_unpacked("MNIST/raw", *((stem, None) for stem in idx.STEMS))
    ),
    "fashion-mnist": Layout(
        downloaded=_FASHION,
        unpacked=_unpacked("FashionMNIST/raw", *((stem, None) for stem in idx.STEMS)),
        classes=(
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
        ),
    ),
    "svhn": Layout(downloaded=_SVHN),
    "cifar10": Layout(
        downloaded=_CIFAR10,
        unpacked=_CIFAR10_BATCHES,
        classes=(
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
        ),
    ),
}
