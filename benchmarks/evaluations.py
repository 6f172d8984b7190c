"""Evaluations of exported runs, as their users see them, for the page of results.

    python -m benchmarks.evaluations --run RUN [--run RUN ...] [--provider cpu]

Runs the project's own command on each run and keeps its JSON in `results/evaluation-*.json`.
"""

import json
import subprocess
import sys
from pathlib import Path

import click

from benchmarks.measuring import RESULTS, ROOT, load_of_machine, measurement_head, write_measurement


@click.command()
@click.option("--run", "runs", multiple=True, required=True, type=click.Path(path_type=Path))
@click.option("--provider", default="cpu", show_default=True)
@click.option("--batch-sizes", default="1,32,256", show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), default=RESULTS)
def command(runs: tuple[Path, ...], provider: str, batch_sizes: str, folder: Path) -> None:
    """Evaluate, and write a JSON for each run; exit code 1 where a verdict failed."""
    verdicts = []
    for run in runs:
        head = measurement_head() | load_of_machine()
        options = ["--run", str(run), "--provider", provider, "--batch-sizes", batch_sizes]
        done = subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), "evaluate", *options, "--json"],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        if done.returncode > 1:
            raise click.ClickException(f"{run}: {done.stderr.strip()}")
        evaluation = json.loads(done.stdout)
        # Where the run lay says nothing.
        evaluation["command"] = evaluation["command"].replace(f"{run.parent}/", "")
        evaluation["command"] = evaluation["command"].replace(f"{ROOT}/", "")
        path = folder / f"evaluation-{run.name}-{provider}.json"
        write_measurement(path, head | {"name": run.name, "evaluation": evaluation})
        verdicts.append(evaluation["verdict"])
        click.echo(f"{run.name}: {evaluation['verdict']} {evaluation['failures']}", err=True)
    if "fail" in verdicts:
        raise SystemExit(1)


if __name__ == "__main__":
    command()
