"""Which planted faults are found, by this project and by others, and how many false alarms.

    python -m benchmarks.detection [--quick]

A ResNet-18 learns the embedded digits in colour. Each fault is put into it, and it is exported:
for ours into a copy of the run, with records whose hashes all fit; for the others as
`torch.onnx.export` makes it. Two faults are not in the file: a test split that lost its end, and a
provider that is not here. Then come twenty sound networks, of which each check that says no raises
a false alarm. Nothing here is a time, so the machine may be busy.
"""

import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click

from benchmarks.detection.bench import Row
from benchmarks.detection.halves import alarms_raised, faults_found
from benchmarks.detection.others import VERSIONS
from benchmarks.environments import ready_interpreter, versions_in
from benchmarks.measuring import RESULTS, measurement_head, write_measurement


@click.command()
@click.option("--data-dir", hidden=True, help="Not needed: the digits are embedded.")
@click.option(
    "--quick", is_flag=True, help="Few faults and networks, and only checks that are here."
)
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "detection.json")
def command(data_dir: str | None, quick: bool, out: Path) -> None:
    """Plant the faults, ask everybody, and write the JSON."""
    del data_dir
    python, missing = ready_interpreter("others", make=not quick)
    others = {} if python is None else versions_in(python, VERSIONS)
    head = measurement_head() | {"others": others, "missing": missing}
    # Exporting keeps one CPU busy and no more: faults and sound networks go side by side.
    with (
        tempfile.TemporaryDirectory(prefix="onnxproof-") as name,
        ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool,
    ):
        looked_at = pool.submit(faults_found, Path(name) / "faults", python, quick)
        trusted = pool.submit(alarms_raised, Path(name) / "sound", python, quick)
        faults, sound = looked_at.result(), trusted.result()
    targets = judged_targets(faults, sound)
    write_measurement(out, head | {"faults": faults, "sound": sound, "targets": targets})


def judged_targets(faults: list[Row], sound: list[Row]) -> list[dict[str, Any]]:
    """Return what was wanted of ours: each fault that changes an answer found, no false alarm."""
    changing = [row for row in faults if row.get("answers_changed")]
    found = sum(row["ours"]["caught"] for row in changing)
    alarms = sum(row["ours"]["caught"] for row in sound)
    return [
        {
            "name": "faults that change an answer and are found, of all such",
            "wanted": len(changing),
            "measured": f"{found} of {len(changing)}",
            "met": found == len(changing),
        },
        {
            "name": "false alarms on sound networks",
            "wanted": 0,
            "measured": f"{alarms} of {len(sound)}",
            "met": alarms == 0,
        },
    ]


if __name__ == "__main__":
    command()
