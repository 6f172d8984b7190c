"""`report`: one self-contained HTML page of one or more runs and studies."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.completion_values import runs_and_studies as complete_runs
from commands.options import data_dir_option, dataset_option, output_options
from errors import UsageError

if TYPE_CHECKING:  # at run time it loads pydantic
    from commands.report_steps import WrittenReport


@click.command("report")
@click.argument(
    "runs",
    nargs=-1,
    type=click.Path(path_type=Path),
    metavar="[RUN]...",
    shell_complete=complete_runs,
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write.  [default: report.html in the run or study, or beside several]",
)
@click.option(
    "--plots",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write every plot there too, as SVG and PNG.",
)
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
@dataset_option(None)
@data_dir_option
@output_options
def command(
    runs: tuple[Path, ...],
    output: Path | None,
    plots: Path | None,
    opens: bool,
    dataset: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Write one HTML page of what was proved; of the run made last unless named.

    A directory of runs is all runs and studies in it; a study's own directory is that study. The
    page needs no network and no other file. Only what is whole is reported: a file that is not what
    its record says ends it with exit code 4.

    \b
    Examples: python cli.py report --open
              python cli.py report runs/ --plots plots/
              python cli.py report runs/study-losses
    """
    from artifacts.run_directory import RunDirectory, last_run
    from artifacts.study_directory import StudyDirectory
    from commands.console import print_json, print_pairs, show_log
    from commands.report_steps import ImageOptions, report_step
    from commands.run_data import require_no_file_of_a_run
    from commands.run_names import runs_and_studies
    from commands.streams import in_one_line

    show_log()
    places, studies = runs_and_studies(runs)
    if runs and not (places or studies):
        raise UsageError("RUN", f"{runs[0]} is no run")
    if dataset is not None and (len(places) > 1 or (studies and not places)):
        raise UsageError("--dataset", "wants one run")
    if output == Path():
        raise UsageError("--output", "wanted a file's name")
    for option, path in (("--output", output), ("--plots", plots)):
        require_no_file_of_a_run(option, path)
    written = report_step(
        [RunDirectory(place) for place in places] if runs else [last_run()],
        [StudyDirectory(place) for place in studies],
        images=ImageOptions(dataset=dataset, data_dir=data_dir),
        output=output,
        plots=plots,
    )
    if as_json:
        print_json(_document(written))
    else:
        pairs = [("page", in_one_line(written.page))]
        if written.records:
            pairs.append(("evaluations", _verdicts(written)))
        if plots is not None:
            pairs.append(("plots", f"{len(written.plots)} files in {plots}"))
        print_pairs(f"report of {', '.join(written.names)}", pairs)
    if opens:
        click.launch(written.page.resolve().as_uri())


def _document(written: "WrittenReport") -> dict[str, object]:
    return {
        "schema": 1,
        "report": str(written.page),
        "plots": [str(path) for path in written.plots],
        "runs": [
            {
                "run": str(record.run.root),
                "verdicts": [one.verdict for one in record.evaluations],
            }
            for record in written.records
        ],
        "studies": [
            {"directory": str(root), "study": kind} for root, kind in written.studies.items()
        ],
    }


def _verdicts(written: "WrittenReport") -> str:
    verdicts = [one.verdict for record in written.records for one in record.evaluations]
    return f"{len(verdicts)}, of which {verdicts.count('fail')} failed"
