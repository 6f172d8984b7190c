"""A dataset with a record of it, one file of which is damaged.

An IDX file of pixels, or a JPEG, has no checksum: a changed pixel is another pixel, and no reader
can notice it. It is another dataset then, with another sha256, and what noticed it is the record of
the run that was trained on it. So these files are read here as `export` and `evaluate` read them.
"""

import tempfile
from pathlib import Path

from artifacts.json_records import read_record, write_record
from artifacts.training_records import DatasetSpec
from commands.run_data import dataset_of_run, dataset_spec
from data import load_dataset

RECORD = "recorded.json"
DAMAGED = "damaged-"  # as tests.robustness.damage calls its copies


def record(root: Path, dataset: Path) -> None:
    """Record the dataset at a path below the root, as a training does."""
    spec = dataset_spec(load_dataset(str(dataset)), str(dataset))
    write_record(root / RECORD, spec)


def sha256_of_recorded(path: Path) -> str:
    """Return the sha256 of the recorded dataset that a file, or its damaged copy, belongs to.

    Raises:
        OnnxproofError: it is not the one that was recorded.
    """
    root = next(folder for folder in path.parents if (folder / RECORD).exists())
    spec = read_record(root / RECORD, DatasetSpec)
    source = Path(spec.source)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, source.name)
        if source.is_file():
            place.symlink_to(path)
        else:
            _mirror(source, path, place)
        dataset = dataset_of_run(spec, str(place), None)
        for name in dataset.split_names:
            dataset.split(name)
        return dataset.sha256


def _mirror(source: Path, path: Path, place: Path) -> None:
    """Make a folder of links to the files of `source`, and in the damaged one's place to it."""
    damaged = path.with_name(path.name.removeprefix(DAMAGED))
    for file in source.rglob("*"):
        if file.is_dir() or file.name.startswith(DAMAGED):
            continue
        link = place / file.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path if file == damaged else file)
