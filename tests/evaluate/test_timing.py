"""What is timed, on real sessions; the device boundary on the CPU, which stands for a GPU here."""

from pathlib import Path

import numpy as np
import pytest

from artifacts.chain import exported_network
from artifacts.choices import Scenario
from artifacts.run_directory import RunDirectory
from commands.run_data import dataset_of_run
from errors import UsageError
from evaluate import timing
from evaluate.latency import LatencyOptions
from evaluate.opening import Opened, opened_subject
from evaluate.session_options import SessionOptions
from evaluate.subject import subject_of_run
from evaluate.timed_call import onnx_device_call, onnx_host_call
from evaluate.timing import TimingOptions, timings
from evaluate.torch_runner import pytorch_device_call, pytorch_logits_function

QUICK = LatencyOptions(batch_sizes=(1, 3), min_samples=2, min_seconds=0.0)


@pytest.fixture(scope="module")
def opened(finished_run: Path) -> Opened:
    exported = exported_network(RunDirectory(finished_run), "float32")
    dataset = dataset_of_run(exported.trained.dataset, None, None)
    session = SessionOptions(threads=1)
    subject = subject_of_run(exported, dataset, "recorded", session)
    return opened_subject(subject, dataset, session)


def quiet(what: str, done: int, total: int) -> None:
    pass


def test_device_calls_of_both_sides_give_the_logits_of_the_host_calls(opened: Opened) -> None:
    images = np.array(opened.dataset.test.images[:5])
    host = onnx_host_call(opened.runner, opened.form, opened.output, images)
    wanted = host.logits(host.call())
    assert opened.subject.trained is not None
    for call in (
        onnx_device_call(opened.runner, opened.form, opened.output, images, classes=3),
        pytorch_device_call(opened.subject.trained, opened.runner.asked, images, cuda_graph=False),
    ):
        assert call.forget is not None
        for _ in range(2):
            assert np.allclose(call.logits(call.call()), wanted, atol=1e-4)
            call.forget()
            assert np.isnan(call.logits(None)).all()
    now = pytorch_logits_function(opened.subject.trained, opened.runner.asked)(images)
    assert np.allclose(now, wanted, atol=1e-4)


def test_both_boundaries_are_timed_where_the_provider_has_a_device(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = timings(opened, TimingOptions(latency=QUICK), quiet).latency
    assert [(r.batch_size, r.boundary) for r in records] == [(1, "host"), (3, "host")]
    monkeypatch.setattr(timing, "GPU_PROVIDERS", ("cpu",))
    records = timings(opened, TimingOptions(latency=QUICK), quiet).latency
    assert [(r.batch_size, r.boundary, r.cuda_graph) for r in records] == [
        (1, "host", False),
        (1, "device", False),
        (3, "host", False),
        (3, "device", False),
    ]
    assert all(r.outputs_verified and r.pytorch is not None for r in records)


def test_cuda_graph_is_refused_where_there_is_no_gpu(opened: Opened) -> None:
    with pytest.raises(UsageError, match="wants one of cuda, tensorrt"):
        timings(opened, TimingOptions(latency=QUICK, cuda_graph=True), quiet)


def test_usual_batch_sizes_are_timed_where_none_is_named(opened: Opened) -> None:
    options = TimingOptions(latency=LatencyOptions(min_samples=2, min_seconds=0.0))
    records = timings(opened, options, quiet).latency
    assert tuple(r.batch_size for r in records) == timing.DEFAULT_BATCH_SIZES


@pytest.mark.parametrize("scenario", ["offline", "server"])
def test_other_scenarios_take_the_largest_batch(opened: Opened, scenario: Scenario) -> None:
    options = TimingOptions(scenario=scenario, latency=QUICK)
    found = timings(opened, options, quiet)
    assert found.latency == ()
    if scenario == "offline":
        assert found.offline is not None
        assert found.offline.batch_size == 3
        assert found.offline.speedup is not None
        assert found.server is None
    else:
        assert found.server is not None
        assert found.server.largest_batch == 2
        assert found.server.bound_ms == 15.0
        assert found.offline is None
