"""A local Ray with two workers, one of them killed on the way; the result is one process' own."""

import dataclasses
import itertools
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from artifacts.logits import ReferenceLogits, save_reference
from data.dataset import split_sha256
from errors import UnfinishedError, UnusableError
from evaluate import cluster
from evaluate.cluster import MappedArray, SliceWorker, cluster_pass
from evaluate.graph_input import InputOptions, graph_input
from evaluate.graph_output import graph_output
from evaluate.onnx_runtime import OnnxRunner
from evaluate.passes import BATCH_SIZE, PassPlan, PassSums, SliceComputer, local_pass, slices
from evaluate.ray_connection import ROOT, ClusterOptions, connected_ray
from evaluate.references import RecordedReference
from evaluate.session_options import SessionOptions
from evaluate.tolerances import CPU_FLOAT32
from tests.evaluate.onnx_files import images_of, linear, linear_nodes, write_model

EXAMPLES = 60_000  # 15 slices
IMAGES = images_of(EXAMPLES)
LABELS = np.random.default_rng(1).integers(0, 3, EXAMPLES)
TWO = ClusterOptions(workers=2)
LOGGER = "onnxproof"


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """Two workers' worth of Ray; started once, since that takes seconds."""
    os.environ["RAY_BACKEND_LOG_LEVEL"] = "fatal"
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    import ray

    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
    )
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> PassPlan:
    """A linear classifier, and a reference that a few logits are off from."""
    folder = tmp_path_factory.mktemp("plan")
    path = write_model(folder / "linear.onnx", linear_nodes())
    reference = linear(IMAGES)
    reference[::1000] += np.random.default_rng(2).normal(scale=100, size=(60, 3)).astype(np.float32)
    save_reference(
        folder / "reference.npz",
        ReferenceLogits(
            float32_NK=reference,
            float64_NK=reference.astype(np.float64),
            dataset_sha256="0" * 64,
            split_sha256=split_sha256(IMAGES, LABELS),
            checkpoint_sha256="0" * 64,
        ),
    )
    runner = OnnxRunner(path)
    return PassPlan(
        onnx=path,
        session=SessionOptions(threads=1),
        form=graph_input(runner.inputs, (1, 2, 2), InputOptions()),
        output=graph_output(runner.outputs, frozenset()),
        reference=RecordedReference(path=folder / "reference.npz"),
        tolerance=CPU_FLOAT32,
        live_tolerance=CPU_FLOAT32,
        batch_size=BATCH_SIZE,
    )


@pytest.fixture(scope="module")
def alone(plan: PassPlan) -> PassSums:
    return local_pass(SliceComputer(plan), IMAGES, LABELS, lambda what, done, total: None)


def assert_same(found: PassSums, wanted: PassSums) -> None:
    assert found.parity is not None
    assert wanted.parity is not None
    assert wanted.parity.flips.count > 10
    assert np.array_equal(found.onnx.confusion, wanted.onnx.confusion)
    assert found.onnx.calibration_error == wanted.onnx.calibration_error
    assert np.array_equal(found.parity.histogram, wanted.parity.histogram)
    assert found.parity.flips.records() == wanted.parity.flips.records()
    for field in ("examples", "max_abs", "sum_abs", "outside", "worst_index", "float64"):
        assert getattr(found.parity, field) == getattr(wanted.parity, field), field


@pytest.mark.usefixtures("ray")
def test_workers_come_to_the_result_of_one_process(
    plan: PassPlan, alone: PassSums, caplog: pytest.LogCaptureFixture
) -> None:
    steps: list[tuple[int, int]] = []
    with caplog.at_level(logging.INFO, LOGGER):
        found = cluster_pass(
            plan, IMAGES, LABELS, TWO, lambda what, done, total: steps.append((done, total))
        )
    assert_same(found, alone)
    assert [total for _, total in steps] == [EXAMPLES] * 15
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1][0] == EXAMPLES
    assert "60,000 examples by 2 workers" in caplog.messages[-1]
    assert "images/s" in caplog.messages[-1]


@pytest.mark.usefixtures("ray")
def test_workers_find_weights_that_lie_beside_the_file(plan: PassPlan, tmp_path: Path) -> None:
    path = write_model(tmp_path / "large.onnx", linear_nodes())
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="w", size_threshold=0)
    beside = dataclasses.replace(plan, onnx=path)
    found = cluster_pass(beside, IMAGES[:9000], LABELS[:9000], TWO, lambda *step: None)
    computer = SliceComputer(plan)
    wanted = local_pass(computer, IMAGES[:9000], LABELS[:9000], lambda *step: None)
    assert np.array_equal(found.onnx.confusion, wanted.onnx.confusion)


@pytest.mark.usefixtures("ray")
def test_killed_worker_costs_time_and_not_the_result(
    plan: PassPlan,
    alone: PassSums,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    deaths = tmp_path / "deaths"

    class Doomed(SliceWorker):
        """Notes its process and dies of SIGKILL at the third slice, once."""

        def sums(self, start: int, stop: int) -> PassSums:
            if start == 2 * (stop - start) and not deaths.exists():
                deaths.write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            return super().sums(start, stop)

    monkeypatch.setattr(cluster, "SliceWorker", Doomed)
    found = cluster_pass(plan, IMAGES, LABELS, TWO, lambda what, done, total: None)
    killed = int(deaths.read_text())
    assert not Path(f"/proc/{killed}/stat").exists()
    assert_same(found, alone)
    assert caplog.messages[0] == "1 of Ray's workers died; its slices were computed again"
    assert capfd.readouterr().out == ""


@pytest.mark.usefixtures("ray")
def test_worker_that_dies_again_and_again_ends_the_pass(
    plan: PassPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mortal(SliceWorker):
        def sums(self, start: int, stop: int) -> PassSums:
            os._exit(1)

    monkeypatch.setattr(cluster, "SliceWorker", Mortal)
    with pytest.raises(UnfinishedError, match="a worker could not go on") as caught:
        cluster_pass(plan, IMAGES, LABELS, TWO, lambda what, done, total: None)
    assert caught.value.subject == "--ray"
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("ray")
def test_error_in_a_worker_is_the_one_of_a_single_process(plan: PassPlan, tmp_path: Path) -> None:
    gone = dataclasses.replace(plan, onnx=tmp_path / "gone.onnx")
    with pytest.raises(UnfinishedError):
        cluster_pass(gone, IMAGES, LABELS, TWO, lambda what, done, total: None)


def test_slices_cover_every_example_once() -> None:
    for examples in (1, 4095, 4096, 4097, 60_000):
        bounds = list(slices(examples))
        assert bounds[0][0] == 0
        assert bounds[-1][1] == examples
        assert all(before[1] == after[0] for before, after in itertools.pairwise(bounds))


def test_memory_map_is_opened_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    np.save(path, IMAGES[:100])
    array = np.load(path, mmap_mode="r")
    mapped = MappedArray(
        path=str(path), offset=array.offset, shape=array.shape, dtype=array.dtype.str
    )
    assert np.array_equal(mapped.open(), IMAGES[:100])
    assert not mapped.open().flags.writeable


def test_ray_that_is_not_installed_is_not_usable(
    plan: PassPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UnusableError, match="Ray is not installed") as caught:
        cluster_pass(plan, IMAGES, LABELS, TWO, lambda what, done, total: None)
    assert caught.value.hint == "python -m pip install '.[ray]'"


def test_connection_leaves_signals_and_streams_as_they_were() -> None:
    program = (
        "import signal\n"
        "def ours(number, frame): pass\n"
        "signal.signal(signal.SIGTERM, ours)\n"
        "from evaluate.ray_connection import ClusterOptions, connected_ray\n"
        "with connected_ray(ClusterOptions()) as ray:\n"
        "    handler = signal.getsignal(signal.SIGTERM)\n"
        "print(handler is ours, ray.is_initialized())\n"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert (outcome.stdout, outcome.stderr) == ("True False\n", "")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "localhost:99999999999"])
def test_cluster_that_is_not_there_is_not_usable(address: str) -> None:
    with (
        pytest.raises(UnusableError, match="nobody answers there") as caught,
        connected_ray(ClusterOptions(address=address)),
    ):
        pass
    assert caught.value.subject == f"--ray {address}"
    assert caught.value.hint is not None
