"""What a hostile `.mat` file may make its reader do."""

from data import load_dataset
from tests.untrusted import work


def crash(path: str, images: str, labels: str) -> None:
    work.crash()


def hang(path: str, images: str, labels: str) -> None:
    work.hang()


def take(path: str, images: str, labels: str) -> None:
    work.take(1 << 24)


def load(path: str) -> None:
    load_dataset(path)
