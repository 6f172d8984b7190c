"""The limit that an evaluation measures, and the shares of it that its record holds."""

import json
from pathlib import Path

import pytest

from artifacts.evaluation_records import Evaluation
from artifacts.json_records import read_record
from artifacts.limit_records import CopyRate, MachineLimit
from commands.timing_lines import timing_pairs
from errors import UnfinishedError
from evaluate import limit as limit_module
from evaluate.limit import beside_the_limit, measured_limit
from evaluate.opening import Opened, opened_subject
from evaluate.session_options import SessionOptions
from tests.evaluate.records import EVALUATION, LATENCY

LIMIT = MachineLimit(
    peak_gflops=100.0,
    peak_size=512,
    copies=(
        CopyRate(moved_bytes=1000, gb_per_second=40.0),
        CopyRate(moved_bytes=4000, gb_per_second=50.0),
        CopyRate(moved_bytes=10**6, gb_per_second=10.0),
    ),
    threads=2,
)


def test_share_is_that_of_the_roofline_model() -> None:
    compute = LIMIT.share(multiply_adds=25 * 10**6, moved_bytes=10**6, seconds=1e-3)
    assert compute.intensity == 50
    assert compute.gflops == pytest.approx(50)
    assert (compute.attainable_gflops, compute.bound) == (100, "compute")
    assert compute.share == pytest.approx(0.5)
    slow = LIMIT.share(multiply_adds=2 * 10**6, moved_bytes=10**6, seconds=1e-3)
    assert (slow.attainable_gflops, slow.bound) == (40, "bandwidth")
    assert slow.share == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("moved", "wanted"), [(1, 50), (1000, 50), (4000, 50), (4001, 10), (10**9, 10)]
)
def test_bandwidth_is_the_best_of_copies_as_large(moved: int, wanted: float) -> None:
    assert LIMIT.bandwidth(moved) == wanted


def test_products_and_copies_are_measured() -> None:
    found = measured_limit(SessionOptions(threads=1))
    assert 0.1 < found.peak_gflops < 10**5
    assert found.threads == 1
    assert [copy.moved_bytes >> 10 for copy in found.copies] == [256, 1024, 4096, 16384, 131072]
    assert all(0.1 < copy.gb_per_second < 10**4 for copy in found.copies)


def test_evaluation_with_latency_holds_a_share_for_each_batch(evaluated_run: Path) -> None:
    for name in ("float32-cpu", "int8-cpu"):
        evaluation = read_record(evaluated_run / "evaluations" / f"{name}.json", Evaluation)
        assert evaluation.limit is not None
        assert evaluation.limit_missing is None
        for timing in evaluation.latency:
            assert timing.limit is not None
            again = evaluation.limit.share(
                multiply_adds=timing.limit.multiply_adds,
                moved_bytes=timing.limit.moved_bytes,
                seconds=timing.p50_ms / 1000,
            )
            assert again == timing.limit


def test_evaluation_that_was_written_before_limits_is_still_read() -> None:
    document = EVALUATION.to_dict()
    del document["limit"], document["limit_missing"]
    for timing in document["latency"]:  # type: ignore[attr-defined]
        del timing["limit"]
    assert Evaluation.model_validate_json(json.dumps(document), strict=True) == EVALUATION


def test_untimed_evaluation_measures_no_limit(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(asked: SessionOptions) -> MachineLimit:
        raise AssertionError("was measured")

    monkeypatch.setattr(limit_module, "measured_limit", measured)
    found = beside_the_limit(opened, (), quiet)
    assert (found.limit, found.missing, found.latency) == (None, None, ())


def test_limit_that_cannot_be_measured_is_missing_with_the_reason(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit_module, "available_memory_bytes", lambda: 10**6)
    found = beside_the_limit(opened, (LATENCY,), quiet)
    assert (found.limit, found.latency) == (None, (LATENCY,))
    assert found.missing is not None
    assert found.missing.startswith("the limit of the provider is not known: wanted 512 MiB")
    with pytest.raises(UnfinishedError):
        measured_limit(SessionOptions())


def test_work_that_cannot_be_counted_in_time_is_missing_with_the_reason(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit_module, "measured_limit", lambda asked: LIMIT)
    monkeypatch.setattr(limit_module, "MOST_SECONDS_TO_COUNT", 0.01)
    found = beside_the_limit(opened, (LATENCY,), quiet)
    assert (found.limit, found.latency) == (LIMIT, (LATENCY,))
    assert found.missing == "the graph's work is not known: was not done after 0.01 seconds"


def test_share_and_what_is_missing_are_lines() -> None:
    share = LIMIT.share(multiply_adds=25 * 10**6, moved_bytes=10**6, seconds=1e-3)
    timed = LATENCY.model_copy(update={"limit": share})
    evaluation = EVALUATION.model_copy(update={"latency": (timed,), "limit": LIMIT})
    line = "50% of this machine's float32 limit (compute bound), 50 of 100 GFLOP/s"
    assert ("", line) in timing_pairs(evaluation)
    missing = EVALUATION.model_copy(update={"limit_missing": "no rule counts it"})
    assert ("limit", "no rule counts it") in timing_pairs(missing)


def quiet(what: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def opened(finished_run: Path) -> Opened:
    from artifacts.chain import exported_network
    from artifacts.run_directory import RunDirectory
    from commands.run_data import dataset_of_run
    from evaluate.subject import subject_of_run

    exported = exported_network(RunDirectory(finished_run), "float32")
    dataset = dataset_of_run(exported.trained.dataset, None, None)
    session = SessionOptions(threads=1)
    subject = subject_of_run(exported, dataset, "recorded", session)
    return opened_subject(subject, dataset, session)
