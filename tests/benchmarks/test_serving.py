"""The load test counts what it gets, and its verdict falls when an answer was wrong."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.http_load import load_of, post
from benchmarks.serving import correct_through_http, is_sound, loaded, png_files
from benchmarks.serving_tables import serving_table
from data import load_dataset
from tests.serve.servers import running_server

LOAD: dict[str, Any] = {
    "clients": 64,
    "requests": 1000,
    "errors": 0,
    "requests_per_second": 500.0,
    "p50_ms": 1.0,
    "p99_ms": 2.0,
    "mean_batch": 4.0,
}
RESULT: dict[str, Any] = {
    "one_at_a_time": LOAD | {"clients": 1, "requests_per_second": 250.0},
    "concurrent": LOAD,
    "unbatched": LOAD | {"requests_per_second": 400.0},
    "accuracy": {"examples": 1000, "http_correct": 990, "evaluate_correct": 990},
}


def test_load_counts_answers_errors_and_batches(finished_run: Path, tiny_npz: Path) -> None:
    test = load_dataset(str(tiny_npz)).test
    images, labels = np.array(test.images), np.array(test.labels)
    requests = [post(body, "image/png") for body in png_files(images)]
    with running_server("--run", finished_run) as server:
        port = server.port
        found = loaded(server, requests, 8, 0.3)
        assert found["errors"] == 0
        assert found["requests"] > 8
        assert found["mean_batch"] >= 1
        assert 0 < found["p50_ms"] <= found["p99_ms"]
        assert correct_through_http(port, requests, labels) > 60  # of 67
        assert correct_through_http(port, requests, labels + 1) < 10
        refused = load_of(port, [post(b"?", "image/png")], 2, 0.1)
        assert refused.errors == refused.statuses[422] > 0
    gone = load_of(port, requests, 2, 0.1)
    assert gone.errors == gone.failures["ConnectionRefusedError"] == 2


def test_verdict_falls_with_one_error_or_one_other_answer() -> None:
    assert is_sound(RESULT)
    for keys, value in (
        (("concurrent", "errors"), 1),
        (("unbatched", "errors"), 1),
        (("accuracy", "http_correct"), 989),
    ):
        worse = copy.deepcopy(RESULT)
        worse[keys[0]][keys[1]] = value
        assert not is_sound(worse)


def test_table_has_a_row_for_each_load() -> None:
    environment = {"versions": {"torch": "2"}, "cpu": "c", "cpus": 2, "date": "2026-11-25T00:00"}
    measured = {"runs": {"a": RESULT}, "command": "x", "commit": "1" * 40}
    text = serving_table(measured | {"environment": environment})
    assert "| a | concurrent | 64 | 1,000 | 0 | 500 | 1.00 | 2.00 | 4.00 | 2.00 | 1.25 |" in text
    assert "| a | 1000 | 990 | 990 |" in text


def test_load_is_bounded() -> None:
    with pytest.raises(AssertionError):
        load_of(1, [b""], 257, 1)
    with pytest.raises(AssertionError):
        load_of(1, [b""], 1, 121)
