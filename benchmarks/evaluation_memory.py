"""Whether memory stays flat as the test split grows: 1, 10 and 100 times MNIST's.

    python -m benchmarks.evaluation_memory --data-dir DIR

Makes test splits of MNIST's own images, again and again; trains an MLP for an epoch on a part of
the training images, exports it, and evaluates it in a process of its own, whose largest resident
memory is read (VmHWM of proc(5), which counts the pages of mapped files too).
"""

import json
import shutil
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.measuring import RESULTS, ROOT, measurement_head, write_measurement
from benchmarks.own_commands import onnxproof
from data import Dataset, load_dataset

TIMES = (1, 10, 100)
TRAINING_EXAMPLES = 3000


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path))
@click.option("--folder", type=click.Path(path_type=Path), default=ROOT / ".bench/memory")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "evaluation-memory.json")
def command(data_dir: Path | None, folder: Path, out: Path) -> None:
    """Measure, and write the JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    mnist = load_dataset("mnist", data_dir=data_dir)
    document = measurement_head() | {"splits": []}
    try:
        for times in TIMES:
            measured = _measured(mnist, times, folder)
            click.echo(json.dumps(measured), err=True)
            document["splits"].append(measured)
            write_measurement(out, document)
    finally:
        shutil.rmtree(folder)


def _measured(mnist: Dataset, times: int, folder: Path) -> dict[str, Any]:
    source, run = folder / f"mnist-{times}.npz", folder / f"run-{times}"
    np.savez(
        source,
        train_images=mnist.train.images[:TRAINING_EXAMPLES],
        train_labels=mnist.train.labels[:TRAINING_EXAMPLES],
        test_images=np.tile(mnist.test.images, (times, 1, 1, 1)),
        test_labels=np.tile(mnist.test.labels, times),
    )
    training = ("--dataset", str(source), "--model", "mlp", "--epochs", "1")
    _onnxproof("train", *training, "--run", str(run))
    _onnxproof("export", "--run", str(run))
    evaluation = _onnxproof("evaluate", "--run", str(run), "--no-latency")
    image_bytes = mnist.test.images.nbytes * times
    shutil.rmtree(run)
    source.unlink()
    return {
        "times": times,
        "examples": evaluation["accuracy"]["examples"],
        "image_mb": round(image_bytes / 1e6, 1),
        "reference_mb": round(evaluation["accuracy"]["examples"] * 10 * 12 / 1e6, 1),
        "peak_rss_mb": round(evaluation["machine"]["peak_rss_bytes"] / 1e6, 1),
        "verdict": evaluation["verdict"],
    }


def _onnxproof(*arguments: str) -> Any:
    done = onnxproof(*arguments, "--json", folder=ROOT)
    done.check_returncode()
    return json.loads(done.stdout)


if __name__ == "__main__":
    command()
