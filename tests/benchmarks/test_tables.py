"""The page of measurements says what the files say, and threads gain where they did."""

import json
from pathlib import Path

from benchmarks.measuring import RESULTS
from benchmarks.tables import PAGE, page
from benchmarks.threads import evidence


def test_page_is_that_of_the_committed_files() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_page_changes_with_a_file(tmp_path: Path) -> None:
    for path in RESULTS.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert page(tmp_path) == page()
    changed = tmp_path / "accuracy-mnist-mlp-best.json"
    measured = json.loads(changed.read_text())
    measured["runs"][0]["onnx_flips"] = 3
    measured["runs"][0]["verdict"] = "fail"
    changed.write_text(json.dumps(measured))
    row = next(line for line in page(tmp_path).splitlines() if "mnist-mlp-best" in line)
    assert "| fail, pass |" in row
    assert row.endswith("| 3 |")


def test_threads_gain_where_they_took_less_time() -> None:
    def row(model: str, work: int, one: float, two: float) -> dict[str, object]:
        threads = {"1": {"ms": [one] * 3}, "2": {"ms": [two] * 3}}
        return {"model": model, "batch_size": 8, "multiply_adds": work, "threads": threads}

    found = evidence([row("small", 100, 1, 2), row("same", 400, 1, 0.99), row("large", 900, 4, 2)])
    assert found["least_that_gained"] == {
        "model": "large",
        "batch_size": 8,
        "threads": [1, 2],
        "multiply_adds_per_thread": 450,
        "time_ratio": 0.5,
    }
    assert found["most_that_did_not"] is not None
    assert found["most_that_did_not"]["model"] == "same"
    assert evidence([row("small", 100, 1, 2)])["least_that_gained"] is None
