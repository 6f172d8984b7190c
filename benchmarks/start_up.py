"""How long a command line takes to answer: ours, and those of similar tools.

    python -m benchmarks.start_up

`--help`, beside `python -c "import click"`, which no program that uses click can beat. Then ten
images: ours proves the answers on them with every figure but latency, and writes the record;
Polygraphy runs the same file once, on random input; YOLO's classifier predicts the ten with a
network of its own. optimum-cli has no command that evaluates or runs a file.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

from benchmarks.detection.materials import write_npz
from benchmarks.environments import ready_interpreter, versions_in
from benchmarks.measuring import (
    RESULTS,
    ROOT,
    alternating_seconds,
    load_of_machine,
    measurement_head,
    ratio_summary,
    write_measurement,
)
from benchmarks.own_commands import done, onnxproof
from data import load_dataset

Commands = dict[str, Sequence[str]]
OURS, FLOOR = "onnxproof", "import click"
HELP, IMAGES = "--help", "ten images"
MOST_TIMES_CLICK = 3.0
COUNT = 10  # images
TOOLS = ("optimum", "optimum-onnx", "polygraphy", "ultralytics")


@click.command()
@click.option("--data-dir", hidden=True, help="Not needed: ten images are among the embedded.")
@click.option("--quick", is_flag=True, help="One repetition, and only tools that are here.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "start-up.json")
def command(data_dir: str | None, quick: bool, out: Path) -> None:
    """Measure and write the JSON."""
    del data_dir
    head = measurement_head() | load_of_machine()
    python, missing = ready_interpreter("others", make=not quick)
    with tempfile.TemporaryDirectory(prefix="onnxproof-") as name:
        questions = _questions(Path(name), python)
        measured = {
            what: _measured(what, commands, Path(name), repetitions=1 if quick else 7)
            for what, commands in questions.items()
        }
    target = judged_target(measured[HELP])
    versions = {} if python is None else versions_in(python, TOOLS)
    found = {"others": versions, "missing": missing, "questions": measured, "targets": [target]}
    write_measurement(out, head | found)


def judged_target(measured: dict[str, Any]) -> dict[str, Any]:
    """Return what was wanted of `--help`, what was measured, and whether it is met."""
    times_click = 1 / measured[FLOOR]["ratio_to_ours"]["median"]
    return {
        "name": f"--help takes at most {MOST_TIMES_CLICK:g} times `import click`",
        "wanted": MOST_TIMES_CLICK,
        "measured": round(times_click, 2),
        "met": times_click <= MOST_TIMES_CLICK,
    }


def _questions(folder: Path, others: Path | None) -> dict[str, Commands]:
    """Return what each tool is asked, those of another environment only where it is."""
    onnx, dataset, pictures = _ten_images(folder)
    ours = (sys.executable, str(ROOT / "cli.py"))
    asked: dict[str, Commands] = {
        HELP: {OURS: (*ours, "--help"), FLOOR: (sys.executable, "-c", "import click")},
        IMAGES: {
            OURS: (*ours, "evaluate", "--onnx", onnx, "--dataset", dataset, "--no-latency"),
            "import onnxruntime": (sys.executable, "-c", "import onnxruntime"),
        },
    }
    if others is not None:
        optimum, polygraphy, yolo = (
            str(others.parent / tool) for tool in ("optimum-cli", "polygraphy", "yolo")
        )
        asked[HELP] |= {
            "optimum-cli": (optimum, "--help"),
            "polygraphy": (polygraphy, "--help"),
            "yolo": (yolo, "help"),
        }
        network = ("model=yolo11n-cls.yaml", f"source={pictures}", "imgsz=32", "device=cpu")
        asked[IMAGES] |= {
            "polygraphy run": (polygraphy, "run", onnx, "--onnxrt"),
            "yolo predict": (yolo, "classify", "predict", *network, f"project={folder}"),
        }
    return asked


def _ten_images(folder: Path) -> tuple[str, str, str]:
    """Return a LeNet-5's ONNX file, a dataset with ten test images, and these as files."""
    dataset, run, pictures = folder / "ten.npz", folder / "run", folder / "ten"
    train, test = load_dataset("digits").train, load_dataset("digits").test
    few = slice(COUNT)
    arrays = (train.images, train.labels, test.images[few], test.labels[few])
    write_npz(dataset, *map(np.array, arrays))
    pictures.mkdir()
    for number, pixels_CHW in enumerate(test.images[few]):
        Image.fromarray(pixels_CHW[0]).save(pictures / f"{number}.png")
    options = ("--dataset", str(dataset), "--epochs", "1", "--run", str(run))
    done(onnxproof("train", *options, folder=folder))
    done(onnxproof("export", "--run", str(run), folder=folder))
    return str(run / "model.onnx"), str(dataset), str(pictures)


def _measured(what: str, commands: Commands, folder: Path, repetitions: int) -> dict[str, Any]:
    def seconds_of(words: Sequence[str]) -> float:
        start = time.perf_counter()
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
        return time.perf_counter() - start

    seconds = alternating_seconds(
        {name: partial(seconds_of, words) for name, words in commands.items()},
        repetitions,
        lambda line: click.echo(f"{what}: {line}", err=True),
    )
    return {name: ratio_summary(taken, seconds[OURS]) for name, taken in seconds.items()}


if __name__ == "__main__":
    command()
