"""The steps of `report`: records and images in, a page and plots out."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from artifacts.run_directory import RUNS, RunDirectory
from artifacts.run_lock import locked_directory
from artifacts.study_directory import StudyDirectory, StudyKind, kind_of_study
from artifacts.verification import Link
from commands.console import log
from commands.main import command_line
from commands.progress import StepProgress, step_progress
from commands.run_data import dataset_of_run
from commands.run_names import labels_of
from data import DATASET_NAMES, Dataset, load_dataset
from errors import ArtifactError, DatasetError
from storage.writing import require_replaceable

if TYPE_CHECKING:  # at run time they load matplotlib
    from report.contents import Contents
    from report.drawing import Plot
    from report.galleries import SplitImages
    from report.reading import RunRecords

WRITTEN_AS = (".svg", ".png")  # each plot


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """Where the images are now, if their dataset was moved."""

    dataset: str | None = None
    data_dir: Path | None = None


@dataclass(frozen=True, kw_only=True)
class WrittenReport:
    """What was told, and where.

    Attributes:
        records: of the runs.
        studies: what each study is of, by its directory.
        names: of the parts of the page.
        page: its path.
        plots: their paths.
    """

    records: "Sequence[RunRecords]"
    studies: Mapping[Path, StudyKind]
    names: Sequence[str]
    page: Path
    plots: Sequence[Path]


def report_step(
    runs: Sequence[RunDirectory] = (),
    studies: Sequence[StudyDirectory] = (),
    *,
    images: ImageOptions | None = None,
    output: Path | None = None,
    plots: Path | None = None,
) -> WrittenReport:
    """Write the page of runs and studies, and their plots where a directory is named for them.

    Args:
        runs: on the page before the studies.
        studies: at least one, if there is no run.
        images: where the runs' images are.
        output: of the page; None: report.html in the one run or study, or beside several.
        plots: directory.
    """
    from report.overview import overview_of
    from report.page_writer import write_page
    from report.reading import read_run
    from report.studies import contents_of_study

    parts: list[RunDirectory | StudyDirectory] = [*runs, *studies]
    labels = labels_of([part.root.resolve() for part in parts])
    names = [labels[part.root.resolve()] for part in parts]
    page = output or _page_of(parts)
    require_replaceable(page)
    with _lock_of(parts, page), step_progress("report") as progress:
        records = [read_run(run, name) for run, name in zip(runs, names[: len(runs)], strict=True)]
        contents = []
        for record in records:
            contents.append(_contents(record, images or ImageOptions()))
            progress("drawing runs", len(contents), len(parts))
        for study in studies:
            contents.append(contents_of_study(study, names[len(contents)]))
            progress("drawing studies", len(contents), len(parts))
        overview = overview_of(records) if len(records) > 1 else None
        write_page(page, contents, overview=overview, command=command_line())
        written = _write_plots(plots, contents, progress) if plots else []
    return WrittenReport(
        records=records,
        studies={study.root: kind_of_study(study) for study in studies},
        names=names,
        page=page,
        plots=written,
    )


def _page_of(parts: Sequence[RunDirectory | StudyDirectory]) -> Path:
    if len(parts) == 1:
        return parts[0].report
    around = {part.root.resolve().parent for part in parts}
    return (parts[0].root.parent if len(around) == 1 else RUNS) / "report.html"


def _lock_of(
    parts: Sequence[RunDirectory | StudyDirectory], page: Path
) -> contextlib.AbstractContextManager[None]:
    """Lock the directory whose file the page is: of none where it lies beside several, or apart."""
    if page == parts[0].report:
        return locked_directory(parts[0].root, option="--output")
    return contextlib.nullcontext()


def _contents(record: "RunRecords", options: ImageOptions) -> "Contents":
    from report.contents import contents_of

    images, link = _images(record, options)
    return contents_of(record, images, link)


def _images(record: "RunRecords", options: ImageOptions) -> "tuple[SplitImages, Link | None]":
    """Return the images that the page shows; why there are none, where their dataset is gone."""
    from report.galleries import SplitImages, shown_indices

    record_name = "the evaluation"
    if record.recipe or record.imported:
        record_name = "recipe.json" if record.recipe else "imported.json"
    try:
        dataset = _dataset(record, options)
        if dataset is None:
            why = "nothing says where their dataset is; name it with --dataset"
            return SplitImages(images={}, missing=why), None
        test = dataset.split("test").images
    except DatasetError as error:
        if options.dataset or options.data_dir:
            raise  # who says where it is wants to see the images
        log.warning("%s: the page shows no images: %s", record.run.root, error)
        unknown = Link(name="dataset", of=record_name, holds=None, detail=str(error))
        return SplitImages(images={}, missing=str(error)), unknown
    indices = shown_indices(record)
    if indices and indices[-1] >= len(test):
        raise ArtifactError(
            str(record.run.evaluations),
            f"an evaluation shows test image {indices[-1]}, but there are {len(test)}",
        )
    shown = {index: test[index] for index in indices}
    return SplitImages(images=shown), Link(name="dataset", of=record_name, holds=True)


def _dataset(record: "RunRecords", options: ImageOptions) -> Dataset | None:
    """Return the run's dataset; None where nothing says which one that is.

    Raises:
        DatasetError: it is missing, damaged, or another one.
    """
    for made in (record.recipe, record.imported):
        if made is not None:
            return dataset_of_run(made.dataset, options.dataset, options.data_dir)
    evaluated = record.evaluations[0].dataset
    source = options.dataset or (evaluated.name if evaluated.name in DATASET_NAMES else None)
    if source is None:
        return None
    dataset = load_dataset(source, data_dir=options.data_dir)
    if dataset.sha256 != evaluated.sha256:
        raise DatasetError(source, "is not the dataset of the evaluation")
    return dataset


def _write_plots(
    directory: Path, contents: "Sequence[Contents]", progress: StepProgress
) -> list[Path]:
    from report.drawing import save_plot

    named = [
        (_stem(directory, of, plot, several=len(contents) > 1), plot)
        for of in contents
        for plot in of.plots
    ]
    written: list[Path] = []
    for number, (stem, plot) in enumerate(named, start=1):
        for suffix in WRITTEN_AS:
            path = stem.with_name(stem.name + suffix)
            save_plot(path, plot.figure)
            written.append(path)
        progress("writing plots", number, len(named))
    return written


def _stem(directory: Path, of: "Contents", plot: "Plot", *, several: bool) -> Path:
    return directory / of.name / plot.name if several else directory / plot.name
