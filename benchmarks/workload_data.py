"""Which images `make bench` works on: MNIST and svhn-gray where they are, else the embedded digits.

A clean clone on a machine without a network has only scikit-learn's digits. What was taken is in
each measurement's JSON and beside its table, since ratios on fewer images are other ratios.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import click

from data import Dataset, load_dataset
from errors import OnnxproofError

EMBEDDED = "digits"
SVHN_GRAY = Path("svhn-gray") / "svhn_gray.npz"


@dataclass(frozen=True, kw_only=True)
class WorkloadData:
    """A dataset under the name that a table gives it.

    Attributes:
        name: for people.
        asked: what `--dataset` takes.
        dataset: the images.
    """

    name: str
    asked: str
    dataset: Dataset


def mnist_or_digits(data_dir: Path | None) -> WorkloadData:
    """Return MNIST if it lies in `data_dir` or can be had, else the embedded digits."""
    try:
        dataset = load_dataset("mnist", data_dir=data_dir)
    except OnnxproofError as error:
        return _embedded("mnist", str(error))
    return WorkloadData(name="mnist", asked="mnist", dataset=dataset)


def svhn_gray_or_digits(data_dir: Path | None) -> WorkloadData:
    """Return svhn-gray/svhn_gray.npz of `data_dir`, else the embedded digits."""
    folder = data_dir or Path(os.environ.get("ONNXPROOF_DATA", "."))
    path = folder / SVHN_GRAY
    if not path.is_file():
        return _embedded("svhn-gray", f"{path}: no such file")
    return WorkloadData(
        name="svhn-gray", asked=str(path.resolve()), dataset=load_dataset(str(path))
    )


def embedded_digits() -> WorkloadData:
    """Return the digits that are on every machine."""
    return WorkloadData(name=EMBEDDED, asked=EMBEDDED, dataset=load_dataset(EMBEDDED))


def _embedded(wanted: str, reason: str) -> WorkloadData:
    click.echo(f"{wanted} is not here ({reason}); the embedded digits take its place", err=True)
    return embedded_digits()
