"""`verify`: every link of a run's chain of hashes, and its recorded reference computed again."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.completion_values import runs
from commands.options import (
    data_dir_option,
    dataset_option,
    output_options,
    trust_code_option,
)
from errors import ArtifactError, DatasetError

if TYPE_CHECKING:  # at run time they load pydantic and numpy
    from artifacts.run_directory import RunDirectory
    from artifacts.verification import Link
    from commands.progress import StepProgress
    from data import Dataset


@click.command("verify")
@click.argument("run", required=False, type=click.Path(path_type=Path), shell_complete=runs)
@click.option(
    "--no-recompute", is_flag=True, help="Check hashes alone: PyTorch's reference stays as it is."
)
@dataset_option(None)
@data_dir_option
@trust_code_option
@output_options
def command(
    run: Path | None,
    no_recompute: bool,
    dataset: str | None,
    data_dir: Path | None,
    trust_code: bool,
    as_json: bool,
) -> None:
    """Check a run from its evaluations down to its dataset; the run made last unless named.

    Ends with exit code 0 where every link holds, 4 where one is broken.

    \b
    Example: python cli.py verify runs/digits-lenet5
    """
    from artifacts.verification import checked_links
    from commands.console import print_json, print_pairs, show_log
    from commands.progress import step_progress
    from commands.run_data import run_or_last, trust_code_of

    show_log()
    directory = run_or_last(run)
    if trust_code:
        trust_code_of(directory)
    with step_progress("verifying") as progress:
        progress("hashes", 0, 0)
        links = [*checked_links(directory)]
        links += _data_links(
            directory,
            dataset,
            data_dir,
            progress,
            recompute=not no_recompute and not _broken(links),
        )
    broken = _broken(links)
    if as_json:
        print_json(
            {
                "schema": 1,
                "run": str(directory.root),
                "intact": not broken,
                "links": [link.to_dict() for link in links],
            }
        )
    else:
        print_pairs(f"chain of {directory.root}", [(link.name, _told(link)) for link in links])
    if broken:
        count = f"{len(broken)} links" if len(broken) > 1 else "one link"
        raise ArtifactError(
            str(directory.root), f"{count} broken, first {broken[0].name}: {broken[0].detail}"
        )


def _data_links(
    run: "RunDirectory",
    source: str | None,
    data_dir: Path | None,
    progress: "StepProgress",
    *,
    recompute: bool,
) -> "list[Link]":
    """Return whether the dataset is the one of the record, and the reference what PyTorch says."""
    from artifacts.chain import trained_network
    from artifacts.verification import Link
    from commands.run_data import dataset_of_run
    from untrusted.files import is_there

    record = (run.training if is_there(run.training) else run.imported).name
    try:
        spec = trained_network(run).dataset
    except ArtifactError:
        return [Link(name="dataset", of=record, holds=None, detail="its record is broken")]
    progress("dataset", 0, 0)
    try:
        data = dataset_of_run(spec, source, data_dir)
        data.split("test")  # opening it verifies its pixels
    except DatasetError as error:
        return [Link(name="dataset", of=record, holds=False, detail=str(error))]
    links = [Link(name="dataset", of=record, holds=True)]
    if recompute and is_there(run.export):
        links.append(_reference_link(run, data, progress))
    return links


def _reference_link(run: "RunDirectory", data: "Dataset", progress: "StepProgress") -> "Link":
    from artifacts.chain import exported_network
    from artifacts.environment import is_installed
    from artifacts.export_records import Export
    from artifacts.json_records import read_record
    from artifacts.verification import Link

    name, of = "PyTorch of now", run.reference.name
    if not is_installed("torch"):
        return Link(name=name, of=of, holds=None, detail="PyTorch is not installed here")
    from evaluate.recorded import recomputed_reference

    precision = next(iter(read_record(run.export, Export).variants))
    agreement = recomputed_reference(exported_network(run, precision), data, progress)
    if agreement.max_abs is None:
        return Link(name=name, of=of, holds=False, detail="a logit is not finite")
    detail = f"largest logit difference {agreement.max_abs:.2g}"
    return Link(name=name, of=of, holds=agreement.within_tolerance, detail=detail)


def _broken(links: "list[Link]") -> "list[Link]":
    return [link for link in links if link.holds is False]


def _told(link: "Link") -> str:
    verdict = {True: "holds", False: "BROKEN", None: "not checked"}[link.holds]
    return f"{verdict}, as {link.of} says" + (f": {link.detail}" if link.detail else "")
