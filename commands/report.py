"""`report`: one self-contained HTML page of one or more runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.completion_values import runs as complete_runs
from commands.options import data_dir_option, dataset_option, output_options
from errors import UsageError

if TYPE_CHECKING:  # at run time it loads pydantic
    from report.reading import RunRecords


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
    help="File to write.  [default: report.html in the run, or beside several]",
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

    A directory of runs is all runs in it. The page needs no network and no other file. Only what is
    whole is reported: a file that is not what its record says ends it with exit code 4.

    \b
    Examples: python cli.py report --open
              python cli.py report runs/ --plots plots/
    """
    from commands.console import print_json, print_pairs, show_log
    from commands.report_steps import ImageOptions, report_step
    from commands.run_data import require_no_file_of_a_run, run_or_last
    from commands.run_names import expanded
    from commands.streams import in_one_line

    show_log()
    places = expanded(runs)
    if runs and not places:
        raise UsageError("RUN", f"{runs[0]} is no run")
    if dataset is not None and len(places) > 1:
        raise UsageError("--dataset", "wants one run")
    if output == Path():
        raise UsageError("--output", "wanted a file's name")
    for option, path in (("--output", output), ("--plots", plots)):
        require_no_file_of_a_run(option, path)
    records, page, written = report_step(
        [run_or_last(place) for place in places] or [run_or_last(None)],
        images=ImageOptions(dataset=dataset, data_dir=data_dir),
        output=output,
        plots=plots,
    )
    if as_json:
        print_json(_document(records, page, written))
    else:
        pairs = [("page", in_one_line(page)), ("evaluations", _verdicts(records))]
        if plots is not None:
            pairs.append(("plots", f"{len(written)} files in {plots}"))
        print_pairs(f"report of {', '.join(record.name for record in records)}", pairs)
    if opens:
        click.launch(page.resolve().as_uri())


def _document(
    records: "Sequence[RunRecords]", page: Path, plots: Sequence[Path]
) -> dict[str, object]:
    return {
        "schema": 1,
        "report": str(page),
        "plots": [str(path) for path in plots],
        "runs": [
            {
                "run": str(record.run.root),
                "verdicts": [one.verdict for one in record.evaluations],
            }
            for record in records
        ],
    }


def _verdicts(records: "Sequence[RunRecords]") -> str:
    verdicts = [one.verdict for record in records for one in record.evaluations]
    return f"{len(verdicts)}, of which {verdicts.count('fail')} failed"
