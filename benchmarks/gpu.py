"""All checks that need a GPU, in one go; one JSON with what passed and what was measured.

    python -m benchmarks.gpu --svhn svhn_gray.npz

Every check runs the project's own commands in child processes, so that one that crashes is told and
the others still run. `--device cpu --provider cpu` tries the script itself where there is no GPU.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from artifacts.files import sha256_of_file
from artifacts.run_directory import RunDirectory
from benchmarks.gpu_precision import reduced_precision
from benchmarks.measuring import RESULTS, ROOT, measurement_head, write_measurement
from benchmarks.place import CheckError, Place, Result


def cards_three_commands(place: Place) -> Result:
    """`train`, `export`, `evaluate --provider cuda`: verdict, real provider, worst difference."""
    place.train("card")
    place.onnxproof("export", "--run", str(place.run("card").root))
    return _summary(place, "card")


def accuracy_of(model: str) -> Callable[[Place], Result]:
    """Return a check: the `best` recipe on svhn-gray gets at least 96.0% of the test split."""

    def check(place: Place) -> Result:
        name = f"accuracy-{model}"
        epochs = ("--epochs", str(place.epochs)) if place.epochs else ()
        training = place.train(name, "--model", model, "--dataset", place.svhn, *epochs)
        place.onnxproof("export", "--run", str(place.run(name).root))
        result = _summary(place, name) | {
            "images_per_second": _images_per_second(place.run(name)),
            "seconds": training["seconds"],
        }
        if result["test_percent"] < 96.0:
            raise CheckError(f"wanted 96.0% at least, found {result}")
        return result

    return check


def resume_gives_the_same_bits(place: Place) -> Result:
    """With --deterministic, a training that was stopped and resumed ends with the same bits."""
    options = ("--model", "lenet5", "--epochs", "20", "--deterministic")
    whole = place.train("whole", *options)
    stopped = place.run("stopped")
    _stop_in_the_middle(place, stopped, options)
    resumed = place.train("stopped", *options, "--resume")
    if whole["checkpoint_sha256"] != resumed["checkpoint_sha256"]:
        raise CheckError("the resumed training ended with other weights")
    return {"weights_sha256": sha256_of_file(stopped.weights)}


def evaluation_on_gpu(place: Place) -> Result:
    """Every way to evaluate: both boundaries, TF32 off and on, a CUDA graph, each scenario."""
    is_gpu = place.provider != "cpu"
    model = "resnet18" if is_gpu else "lenet5"  # where only the script is tried, minutes count
    place.train("evaluated", "--model", model, "--dataset", place.svhn, "--epochs", "1")
    run = ("--run", str(place.run("evaluated").root))
    place.onnxproof("export", *run)
    ways: dict[str, tuple[str, ...]] = {
        "float32": ("--batch-sizes", "1,32,256"),
        "live": ("--no-latency", "--reference", "live"),
        "offline": ("--scenario", "offline", "--batch-sizes", "256"),
        "server": ("--scenario", "server", "--batch-sizes", "32"),
    }
    if is_gpu:
        ways["tf32"] = ("--tf32", "--reference", "live", "--batch-sizes", "1,32,256")
        ways["cuda graph"] = ("--cuda-graph", "--batch-sizes", "1,32")
    results: Result = {}
    for way, options in ways.items():
        evaluation = place.onnxproof("evaluate", *run, "--provider", place.provider, *options)
        nodes = evaluation["provider"]["nodes"]
        if len(nodes) != 1:
            raise CheckError(f"{way}: nodes on several providers: {nodes}")
        boundaries = {timing["boundary"] for timing in evaluation["latency"]}
        if is_gpu and evaluation["latency"] and boundaries != {"host", "device"}:
            raise CheckError(f"{way}: wanted both boundaries, found {boundaries}")
        parts = ("verdict", "provider", "latency", "offline", "server", "machine", "load_ms")
        results[way] = {part: evaluation[part] for part in parts} | {
            "max_abs": evaluation["parity"]["max_abs"],
            "float64": evaluation["parity"]["float64"],
            "flips": evaluation["parity"]["flips"],
        }
    return results


def training_speeds(place: Place) -> Result:
    """Images a second of ResNet-18 by precision, compiled or not, and from disk."""
    fixed = ("--model", "resnet18", "--dataset", place.svhn, "--epochs", "3")
    common = (*fixed, "--batch-size", "256")
    ways = {
        "float32": ("--precision", "float32"),
        "bfloat16": ("--precision", "bfloat16"),
        "bfloat16 compiled": ("--precision", "bfloat16", "--compile"),
        "bfloat16 deterministic": ("--precision", "bfloat16", "--deterministic"),
        "bfloat16 from disk": ("--precision", "bfloat16", "--image-memory", "0"),
    }
    speeds = {}
    for way, options in ways.items():
        name = f"speed-{way.replace(' ', '-')}"
        place.train(name, *common, *options)
        speeds[way] = _images_per_second(place.run(name))
    return speeds


def one_process_by_torchrun(place: Place) -> Result:
    """A group of one process (NCCL on a GPU) gives the losses of a training without a group."""
    options = ("--model", "lenet5", "--epochs", "2", "--deterministic")
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone")
    place.train("alone", *options)
    place.train("group", *options, starter=(*torchrun, "--nproc-per-node=1", "--"))
    losses = [
        [epoch["train_loss"] for epoch in _history(place.run(name))] for name in ("alone", "group")
    ]
    worst = max(abs(a - b) / abs(a) for a, b in zip(*losses, strict=True))
    if worst > 1e-5:
        raise CheckError(f"losses differ by {worst:.2g}, relatively: {losses}")
    return {"worst_relative_difference": worst}


CHECKS: dict[str, Callable[[Place], Result]] = {
    "card": cards_three_commands,
    "evaluation": evaluation_on_gpu,
    "precision": reduced_precision,
    "resume": resume_gives_the_same_bits,
    "torchrun": one_process_by_torchrun,
    "speeds": training_speeds,
    "accuracy-resnet18": accuracy_of("resnet18"),
    "accuracy-resnet50": accuracy_of("resnet50"),
}


@click.command()
@click.option("--svhn", required=True, help="What --dataset takes: svhn_gray.npz.")
@click.option("--device", default="cuda", show_default=True)
@click.option("--provider", default="cuda", show_default=True)
@click.option("--only", multiple=True, type=click.Choice(list(CHECKS)), help="Some of the checks.")
@click.option("--epochs", type=click.IntRange(1), help="Of the trainings for accuracy.")
@click.option("--folder", type=click.Path(path_type=Path), default=ROOT / ".bench/gpu")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "gpu.json")
def command(
    svhn: str,
    device: str,
    provider: str,
    only: tuple[str, ...],
    epochs: int | None,
    folder: Path,
    out: Path,
) -> None:
    """Run the checks and write their JSON; exit code 1 if one of them failed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    place = Place(
        folder=folder.resolve(),
        device=device,
        provider=provider,
        svhn=str(Path(svhn).resolve()),
        epochs=epochs,
    )
    document = measurement_head() | {"device": device, "gpu": _gpu(), "checks": {}}
    for name in only or CHECKS:
        document["checks"][name] = outcome = _outcome(CHECKS[name], place)
        click.echo(f"{name}: {json.dumps(outcome)}")
        # After each, so that a machine that is taken away leaves what was measured.
        write_measurement(out, document)
    if not all(outcome["passed"] for outcome in document["checks"].values()):
        raise SystemExit(1)


def _outcome(check: Callable[[Place], Result], place: Place) -> Result:
    start = time.perf_counter()
    try:
        result: Result = {"passed": True, "measured": check(place)}
    except (CheckError, OSError, ValueError, KeyError) as error:
        result = {"passed": False, "failure": f"{type(error).__name__}: {error}"}
    return result | {"wall_seconds": round(time.perf_counter() - start, 1)}


def _summary(place: Place, name: str) -> Result:
    run = ("--run", str(place.run(name).root))
    evaluation = place.onnxproof("evaluate", *run, "--provider", place.provider)
    return {
        "verdict": evaluation["verdict"],
        "test_percent": 100 * evaluation["accuracy"]["top1"],
        "provider": evaluation["provider"],
        "max_abs": evaluation["parity"]["max_abs"],
        "flips": evaluation["parity"]["flips"],
        "latency": evaluation["latency"],
    }


def _images_per_second(run: RunDirectory) -> float:
    epochs = _history(run)
    later = epochs[1:] or epochs  # the first one also picks kernels, or compiles
    return float(max(epoch["images_per_second"] for epoch in later))


def _history(run: RunDirectory) -> list[Result]:
    return [json.loads(line) for line in run.history.read_text().splitlines()]


def _stop_in_the_middle(place: Place, run: RunDirectory, options: tuple[str, ...]) -> None:
    command_line = [sys.executable, str(ROOT / "cli.py"), "train", "--device", place.device]
    command_line += ["--run", str(run.root), *options]
    child = subprocess.Popen(command_line, cwd=place.folder, stderr=subprocess.PIPE)
    while child.poll() is None and not run.history.is_file():
        time.sleep(0.01)
    child.terminate()
    if child.wait() != 143:
        raise CheckError(f"stopping the training: wanted exit 143, found {child.returncode}")


def _gpu() -> Result | None:
    import torch

    if not torch.cuda.is_available():
        return None
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    told = subprocess.run(query, capture_output=True, text=True, check=False, env=dict(os.environ))
    return {
        "nvidia_smi": told.stdout.strip(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
    }


if __name__ == "__main__":
    command()
