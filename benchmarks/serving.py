"""What `serve` holds out: many clients at once, one request at a time, and without batches.

    python -m benchmarks.serving --run RUN [--run RUN ...] [--clients 64] [--seconds 20]

Each server is a process of the project's own command; its clients share the CPUs with it, and all
traffic is on the loopback interface. Accuracy through HTTP is held against what `evaluate` says of
the same images.
"""

import asyncio
import io
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from artifacts.json_records import read_record
from artifacts.logits import Images
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Recipe
from benchmarks.http_load import (
    HOST,
    LONGEST_SECONDS,
    MOST_CLIENTS,
    load_of,
    post,
    read_response,
)
from benchmarks.measuring import RESULTS, load_of_machine, measurement_head, write_measurement
from benchmarks.place import Place
from commands.run_data import dataset_of_run
from data import Dataset
from tests.serve.servers import Server, running_server

Result = dict[str, Any]
EXAMPLES = 1000
WARM_UP_SECONDS = 1.0


@click.command()
@click.option("--run", "runs", multiple=True, required=True, type=click.Path(path_type=Path))
@click.option("--provider", default="cpu", show_default=True)
@click.option("--clients", type=click.IntRange(1, MOST_CLIENTS), default=64, show_default=True)
@click.option(
    "--seconds", type=click.FloatRange(0.1, LONGEST_SECONDS), default=20.0, show_default=True
)
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "serving.json")
def command(runs: tuple[Path, ...], provider: str, clients: int, seconds: float, out: Path) -> None:
    """Measure, and write the JSON; exit code 1 where an answer was an error or not evaluate's."""
    document = measurement_head() | load_of_machine() | {"provider": provider, "runs": {}}
    for run in runs:
        result = measured_run(run, provider, clients, seconds)
        document["runs"][run.name] = result
        write_measurement(out, document)
        click.echo(f"{run.name}: {json.dumps(result['ratios'])}", err=True)
    if not all(is_sound(result) for result in document["runs"].values()):
        raise SystemExit(1)


def is_sound(result: Result) -> bool:
    """Return whether no request failed and accuracy through HTTP is that of `evaluate`."""
    errors = sum(result[load]["errors"] for load in ("one_at_a_time", "concurrent", "unbatched"))
    accuracy = result["accuracy"]
    return bool(errors == 0 and accuracy["http_correct"] == accuracy["evaluate_correct"])


def measured_run(run: Path, provider: str, clients: int, seconds: float) -> Result:
    """Return what the server of a run holds out, and whether its answers are those of evaluate."""
    recipe = read_record(RunDirectory(run).recipe, Recipe)
    dataset = dataset_of_run(recipe.dataset, None, None)
    images = np.array(dataset.test.images[:EXAMPLES])
    labels = np.array(dataset.test.labels[:EXAMPLES])
    requests = [post(body, "image/png") for body in png_files(images)]
    options = ("--run", run, "--provider", provider)
    with running_server(*options) as server:
        correct = correct_through_http(server.port, requests, labels)
        one = loaded(server, requests, 1, seconds)
        concurrent = loaded(server, requests, clients, seconds)
    with running_server(*options, "--max-batch", "1") as server:
        unbatched = loaded(server, requests, clients, seconds)
    return {
        "network": recipe.model.name,
        "dataset": recipe.dataset.name,
        "one_at_a_time": one,
        "concurrent": concurrent,
        "unbatched": unbatched,
        "ratios": {
            "throughput_to_one_at_a_time": ratio(concurrent, one, "requests_per_second"),
            "p99_to_one_at_a_time": ratio(concurrent, one, "p99_ms"),
            "throughput_to_unbatched": ratio(concurrent, unbatched, "requests_per_second"),
            "p99_to_unbatched": ratio(concurrent, unbatched, "p99_ms"),
        },
        "accuracy": {
            "examples": len(images),
            "http_correct": correct,
            "evaluate_correct": correct_by_evaluate(run, dataset, provider),
        },
    }


def ratio(one: Result, other: Result, key: str) -> float:
    """Return how many times the other's value one's is."""
    return round(float(one[key]) / float(other[key]), 3)


def png_files(images: Images) -> Iterable[bytes]:
    """Yield each image as a file that lost nothing."""
    for image in images:
        stream = io.BytesIO()
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        Image.fromarray(pixels).save(stream, "PNG")
        yield stream.getvalue()


def loaded(server: Server, requests: list[bytes], clients: int, seconds: float) -> Result:
    """Return what clients get, and the mean size of the batches that it came of."""
    load_of(server.port, requests, clients, WARM_UP_SECONDS)
    before = batches_of(server)
    load = load_of(server.port, requests, clients, seconds)
    after = batches_of(server)
    images, batches = (late - early for late, early in zip(after, before, strict=True))
    return load.summary() | {"mean_batch": round(images / batches, 2)}


def batches_of(server: Server) -> tuple[float, float]:
    """Return how many images the server has computed, and in how many batches."""
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(server.get("metrics")[1])
        for sample in family.samples
    }
    return values["onnxproof_batch_size_sum"], values["onnxproof_batch_size_count"]


def correct_through_http(port: int, requests: list[bytes], labels: Any) -> int:
    """Return how many images the server knows, asked one after another."""

    async def best() -> list[int]:
        reader, writer = await asyncio.open_connection(HOST, port)
        found = []
        for request in requests:
            writer.write(request)
            _, body = await read_response(reader)
            found.append(json.loads(body)["images"][0]["predictions"][0]["index"])
        writer.close()
        return found

    return int((np.array(asyncio.run(best())) == labels).sum())


def correct_by_evaluate(run: Path, dataset: Dataset, provider: str) -> int:
    """Return how many of the same images `evaluate` says that the network knows."""
    with tempfile.TemporaryDirectory() as folder:
        same = Path(folder) / "same.npz"
        np.savez(
            same,
            train_images=dataset.train.images[:EXAMPLES],
            train_labels=dataset.train.labels[:EXAMPLES],
            test_images=dataset.test.images[:EXAMPLES],
            test_labels=dataset.test.labels[:EXAMPLES],
        )
        place = Place(folder=Path(folder), device="cpu", provider=provider, svhn="", epochs=None)
        onnx = ("--onnx", str(run.resolve() / "model.onnx"), "--dataset", str(same))
        evaluation = place.onnxproof("evaluate", *onnx, "--provider", provider, "--no-latency")
    return int(evaluation["accuracy"]["correct"])


if __name__ == "__main__":
    command()
