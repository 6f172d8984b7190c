import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from commands.main import main

Capture = pytest.CaptureFixture[str]
QUICK = ("--batch-sizes", "1,4", "--min-seconds", "0.01")


@pytest.fixture(scope="module")
def evaluated_run(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = Path(shutil.copytree(finished_run, tmp_path_factory.mktemp("compared") / "run"))
    for precision in ("float32", "int8"):
        variant = ("--run", str(run), "--precision", precision)
        assert main(["export", *variant]) == 0
        assert main(["evaluate", *variant, *QUICK]) == 0
    return run


@pytest.fixture
def run(evaluated_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(evaluated_run, tmp_path / "run"))


def compared(capsys: Capture, *arguments: str) -> Any:
    capsys.readouterr()
    assert main(["compare", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def slow_down(run: Path, times: float) -> None:
    """Let the record say that int8 was so many times slower than it was."""
    path = run / "evaluations" / "int8-cpu.json"
    record = json.loads(path.read_text())
    for timing in record["latency"]:
        timing["p50_ms"] *= times
        timing["float32_speedup"] = 1 / times
        timing["float32_speedup_ci95"] = [0.9 / times, 1.1 / times]
        timing["p50_ci95_ms"] = None
    path.write_text(json.dumps(record))


def test_pareto_marks_draws_and_recommends(capsys: Capture, run: Path) -> None:
    (document,) = compared(capsys, "--pareto", str(run))
    assert [row["precision"] for row in document["variants"]] == ["float32", "int8"]
    assert document["batch_size"] == 4
    assert [advice["batch_size"] for advice in document["recommendations"]] == [1, 4]
    assert document["plot"] == str(run / "pareto.svg")
    assert (run / "pareto.svg").read_bytes().startswith(b"<?xml")


def test_variant_that_is_slower_is_said_to_be_and_is_not_recommended(
    capsys: Capture, run: Path
) -> None:
    slow_down(run, 3)
    (document,) = compared(capsys, "--pareto", str(run))
    assert {advice["take"] for advice in document["recommendations"]} == {"float32 on cpu"}
    assert main(["compare", "--pareto", str(run)]) == 0
    told = capsys.readouterr().out
    assert "SLOWER 0.33" in told
    assert "take float32 on cpu: nothing that passed is faster by more than chance" in told
    assert "int8 on cpu: 0.33 times" in told
    table = told.split("batch 1:")[0]
    assert max(len(line) for line in table.splitlines() if "/" not in line) <= 80


def test_variant_that_is_faster_is_recommended(capsys: Capture, run: Path) -> None:
    slow_down(run, 0.25)
    (document,) = compared(capsys, "--pareto", str(run))
    assert {advice["take"] for advice in document["recommendations"]} == {"int8 on cpu"}
    assert "4.00 times float32's speed" in document["recommendations"][0]["why"]


def test_without_pareto_nothing_is_drawn(capsys: Capture, run: Path) -> None:
    (document,) = compared(capsys, str(run))
    assert document["plot"] is None
    assert not (run / "pareto.svg").exists()


def test_plot_goes_where_it_is_wanted(capsys: Capture, run: Path) -> None:
    compared(capsys, "--pareto", "--plot", "plots/a.png", str(run), "--batch-size", "1")
    assert Path("plots/a.png").read_bytes().startswith(b"\x89PNG")


def test_evaluation_of_an_older_file_is_left_out(capsys: Capture, run: Path) -> None:
    options = ["--precision", "int8", "--keep-float32", "last"]
    assert main(["export", "--run", str(run), *options]) == 0
    capsys.readouterr()
    assert main(["compare", str(run), "--json"]) == 0
    out, err = capsys.readouterr()
    assert [row["precision"] for row in json.loads(out)[0]["variants"]] == ["float32"]
    assert "int8-cpu.json is left out: it is of another ONNX file" in err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--plot", "a.svg"], 2, "--plot: wants --pareto"),
        (["--pareto", "--plot", "a.bmp"], 2, "wanted a name in .svg, .png, .pdf"),
        (["--batch-size", "3"], 2, "have timed: 1, 4"),
        (["nowhere"], 4, "nowhere: no such run directory"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    capsys: Capture, run: Path, arguments: list[str], code: int, told: str
) -> None:
    runs = [] if "nowhere" in arguments else [str(run)]
    assert main(["compare", *runs, *arguments]) == code
    assert told in capsys.readouterr().err


def test_run_without_evaluations_is_told_how_to_get_some(capsys: Capture, run: Path) -> None:
    shutil.rmtree(run / "evaluations")
    assert main(["compare", str(run)]) == 4
    assert "python cli.py evaluate --run" in capsys.readouterr().err
