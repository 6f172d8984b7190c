"""Which run a command is about, and the dataset that belongs to it."""

from pathlib import Path

from artifacts.chain import trained_network
from artifacts.run_directory import RunDirectory, default_run, is_file_of_a_run, last_run
from artifacts.training_records import DatasetSpec
from data import Dataset, load_dataset
from errors import DatasetError, UsageError
from models import NetworkName
from models.trust import trust


def run_or_last(run: Path | None) -> RunDirectory:
    """Return the run that was named, else the one that was made last."""
    return RunDirectory(run) if run else last_run()


def require_no_file_of_a_run(option: str, path: Path | None) -> None:
    """Refuse to write where a run, this one or any other, has what it is made of.

    Raises:
        UsageError: the path of the option is such a place.
    """
    if path is not None and is_file_of_a_run(path):
        raise UsageError(option, f"{path} has the name of a run's own file: wanted another")


def trust_code_of(run: RunDirectory) -> None:
    """Let the file be run that the run's network is defined in, now and later.

    Raises:
        ArtifactError: the run has no network, or is not what its records say.
    """
    model = trained_network(run).model
    if model.file is not None and model.file_sha256 is not None:
        trust(Path(model.file), model.file_sha256)


def run_for(named: Path | None, dataset: Dataset, network: NetworkName) -> RunDirectory:
    """Return the run that was named, else runs/<dataset>-<network>."""
    return RunDirectory(named) if named else default_run(dataset.name, network.name)


def dataset_spec(
    dataset: Dataset,
    source: str,
    data_dir: Path | None = None,
    image_size: tuple[int, int] | None = None,
) -> DatasetSpec:
    """Return what a record says of a dataset, so that it can be found and recognized again.

    Args:
        dataset: as it was loaded.
        source: a name or a path.
        data_dir: where names were looked for, if that was said.
        image_size: (H, W) that its images were resized to, if that was said.
    """
    path = Path(source)
    return DatasetSpec(
        name=dataset.name,
        source=str(path.resolve()) if path.exists() else source,
        data_dir=str(data_dir.resolve()) if data_dir else None,
        classes=dataset.classes,
        image_shape=dataset.image_shape,
        resized_to=image_size,
        sha256=dataset.sha256,
        split_sha256=dict(dataset.split_sha256),
    )


def dataset_of_run(spec: DatasetSpec, source: str | None, data_dir: Path | None) -> Dataset:
    """Return the dataset that a run, or a search, was made on.

    Args:
        spec: what was recorded of it.
        source: where the dataset is now, if it was moved.
        data_dir: the same for datasets with a name.

    Raises:
        DatasetError: it is missing, damaged, or not the one of the record.
    """
    recorded_dir = Path(spec.data_dir) if spec.data_dir else None
    dataset = load_dataset(
        source or spec.source, data_dir=data_dir or recorded_dir, image_size=spec.resized_to
    )
    if dataset.sha256 != spec.sha256:
        raise DatasetError(
            source or spec.source,
            f"is not the dataset that the run was trained on"
            f" (sha256 {spec.sha256[:12]} wanted, {dataset.sha256[:12]} found)",
            hint="name the right one with --dataset, or train again",
        )
    return dataset
