"""What reduced precision costs and gives: every variant of some runs, each timed beside float32.

    python -m benchmarks.precision --run RUN [--run RUN ...] [--provider cpu]

The runs were trained by the project's own commands. Each variant is exported and evaluated by them
too; its latency and that of the float32 graph come from alternating blocks of one evaluation.
"""

import json
from pathlib import Path
from typing import Any

import click

from artifacts.export_records import Export
from artifacts.json_records import read_record
from benchmarks.measuring import RESULTS, load_of_machine, measurement_head, write_measurement
from benchmarks.own_commands import onnxproof

Result = dict[str, Any]
PRECISIONS = ("float32", "fp16", "int8", "int8-dynamic")
# The least that INT8 is to gain at batch 32, on a CPU with VNNI; and what it may cost and take.
SPEED_TARGETS = {"resnet18": 2.2, "resnet50": 3.0}
MOST_POINTS_LOST, LARGEST_SHARE = 0.3, 0.27
TARGET_BATCH = 32


@click.command()
@click.option("--run", "runs", multiple=True, required=True, type=click.Path(path_type=Path))
@click.option("--provider", default="cpu", show_default=True)
@click.option("--batch-sizes", default="1,32", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "precision.json")
def command(runs: tuple[Path, ...], provider: str, batch_sizes: str, out: Path) -> None:
    """Export and evaluate every variant, and write the JSON."""
    document = measurement_head() | load_of_machine() | {"provider": provider, "runs": {}}
    for run in runs:
        document["runs"][run.name] = variants = {}
        for precision in PRECISIONS:
            result = measured_variant(run, precision, provider, batch_sizes)
            if result is not None:
                variants[precision] = result
                click.echo(f"{run.name} {precision}: {result['verdict']}", err=True)
                write_measurement(out, document)
        variants["recommendations"] = _onnxproof("compare", "--pareto", str(run))[0][
            "recommendations"
        ]
    document["targets"] = targets(document["runs"])
    write_measurement(out, document)


def measured_variant(run: Path, precision: str, provider: str, batch_sizes: str) -> Result | None:
    """Return what one variant costs and gives; None where the network has none of that kind."""
    variant = ("--run", str(run), "--precision", precision)
    recipe = json.loads((run / "recipe.json").read_text())
    if precision == "int8-dynamic" and recipe["model"]["name"].startswith("resnet"):
        return None  # it has one small linear layer
    if precision != "float32" or not (run / "export.json").is_file():
        _onnxproof("export", *variant)
    record = read_record(run / "export.json", Export).variants[precision]
    exported = record.model_dump(mode="json")
    timed = ("--provider", provider, "--batch-sizes", batch_sizes)
    evaluation = _onnxproof("evaluate", *variant, *timed)
    return {
        "network": recipe["model"]["name"],
        "epochs": recipe["hyperparameters"]["epochs"],
        "verdict": evaluation["verdict"],
        "failures": evaluation["failures"],
        "file_bytes": exported["file_bytes"],
        "half_precision": exported["half_precision"],
        "quantization": exported["quantization"],
        "correct": evaluation["accuracy"]["correct"],
        "pytorch_correct": evaluation["parity"]["pytorch_accuracy"]["correct"],
        "examples": evaluation["accuracy"]["examples"],
        "accuracy_loss": evaluation["accuracy_loss"],
        "tolerance": evaluation["parity"]["tolerance"],
        "max_abs": evaluation["parity"]["max_abs"],
        "mean_abs": evaluation["parity"]["mean_abs"],
        "flips": evaluation["parity"]["flips"],
        "latency": [
            {
                key: timing[key]
                for key in (
                    *("batch_size", "p50_ms", "stable", "speedup", "speedup_ci95"),
                    *("float32_speedup", "float32_speedup_ci95"),
                )
            }
            for timing in evaluation["latency"]
        ],
        "machine": evaluation["machine"],
    }


def targets(runs: dict[str, Result]) -> list[Result]:
    """Return what was wanted of INT8, what was measured, and whether that is enough."""
    found = []
    for run, variants in runs.items():
        int8, float32 = variants.get("int8"), variants.get("float32")
        if not int8 or not float32 or int8["network"] not in SPEED_TARGETS:
            continue
        wanted = SPEED_TARGETS[int8["network"]]
        speed = next(
            timing["float32_speedup"]
            for timing in int8["latency"]
            if timing["batch_size"] == TARGET_BATCH
        )
        lost = 100 * (int8["pytorch_correct"] - int8["correct"]) / int8["examples"]
        share = int8["file_bytes"] / float32["file_bytes"]
        found += [
            {
                "name": f"{run}: INT8 at batch {TARGET_BATCH}, times float32, at least {wanted:g}",
                "measured": f"{speed:.2f}",
                "met": speed >= wanted,
            },
            {
                "name": f"{run}: points lost, at most {MOST_POINTS_LOST:g}",
                "measured": f"{lost + 0:.2f}",
                "met": lost <= MOST_POINTS_LOST,
            },
            {
                "name": f"{run}: share of float32's size, at most {LARGEST_SHARE:g}",
                "measured": f"{share:.3f}",
                "met": share <= LARGEST_SHARE,
            },
        ]
    return found


def _onnxproof(*arguments: str) -> Any:
    done = onnxproof(*arguments, "--json", folder=Path.cwd())
    if done.returncode > 1:
        raise click.ClickException(f"{' '.join(arguments)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    command()
