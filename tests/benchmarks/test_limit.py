"""The limit's table says what was measured, and a tiny case is timed with the right work."""

from typing import Any

from benchmarks.limit import INFERENCE, TRAINING, Case, row_of, timed_work
from benchmarks.limit_tables import limit_table
from benchmarks.peaks import COPY, PRODUCT, Peaks
from models import build
from models.cost import multiply_adds, parameter_count
from tests.evaluate.test_limit import LIMIT

TINY = Case(network="mlp", image_shape=(1, 8, 8), inference=(2,), training=(4,))


def test_training_step_is_counted_as_three_forward_passes_and_adams_bytes() -> None:
    inference, training = timed_work(TINY)
    classifier = build("mlp", num_classes=10, in_channels=1, image_size=(8, 8))
    of_one = multiply_adds(classifier, (1, 8, 8))
    assert (inference.what, inference.work.multiply_adds) == (INFERENCE, 2 * of_one)
    assert (training.what, training.work.multiply_adds) == (TRAINING, 3 * 4 * of_one)
    assert training.work.moved_bytes > 28 * parameter_count(classifier)
    for timed in (inference, training):
        timed.call()


def test_limit_is_the_best_of_all_rounds_and_hands() -> None:
    peaks = Peaks()
    slow = tuple(copy.model_copy(update={"gb_per_second": 1.0}) for copy in LIMIT.copies)
    slower = LIMIT.model_copy(update={"copies": slow})
    for limit in (LIMIT, slower):
        peaks.add(limit, products={"torch": 120.0}, copies={"numpy": 11.0, "torch": 12.0})
    found = peaks.limit()
    assert found.peak_gflops == 120
    assert [copy.gb_per_second for copy in found.copies] == [40, 50, 12]
    summary = peaks.summary()
    assert summary[PRODUCT]["ONNX Runtime"]["max"] == 100
    assert summary[COPY]["ONNX Runtime"]["min"] == 1


def test_table_says_what_was_measured() -> None:
    peaks = Peaks()
    peaks.add(LIMIT, products={"torch": 90.0}, copies={"numpy": 9.0, "torch": 8.0})
    (timed,) = timed_work(Case(network="mlp", image_shape=(1, 8, 8), inference=(2,), training=()))
    row = row_of(TINY, timed, [1e-3, 2e-3, 9e-3], LIMIT)
    measured: dict[str, Any] = {
        "threads": 2,
        "peaks": peaks.summary(),
        "limit": peaks.limit().to_dict(),
        "rows": [row],
        "command": "x",
        "commit": "1" * 40,
        "environment": {"versions": {"torch": "2"}, "cpu": "c", "cpus": 2, "date": "2026-11-27"},
    }
    text = limit_table(measured)
    assert f"| {PRODUCT} | ONNX Runtime | 100.0 | 100.0 to 100.0 |" in text
    assert "2 threads: 40 GB/s" in text
    assert "| mlp, 1x8x8 | inference | 2 | 2.000 |" in text
