import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from artifacts.choices import COMPARED_COLUMNS
from commands.main import main
from untrusted.sealed_json import sealed

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


def widest_of_tables(told: str) -> int:
    """The widest line of those that are no sentences, which a terminal breaks where it wants."""
    return max(len(line) for line in told.splitlines() if line.startswith(" ") and ":" not in line)


def slow_down(run: Path, times: float) -> None:
    """Let the record say that int8 was so many times slower than it was."""
    path = run / "evaluations" / "int8-cpu.json"
    record = json.loads(path.read_text())
    for timing in record["latency"]:
        for percentile in ("p50_ms", "p90_ms", "p95_ms", "p99_ms"):
            if timing[percentile] is not None:
                timing[percentile] *= times
        timing["float32_speedup"] = 1 / times
        timing["float32_speedup_ci95"] = [0.9 / times, 1.1 / times]
        timing["p50_ci95_ms"] = None
    path.write_text(json.dumps(sealed(record)))


def test_pareto_marks_draws_and_recommends(capsys: Capture, run: Path) -> None:
    document = compared(capsys, "--pareto", str(run))
    assert [row["precision"] for row in document["rows"]] == ["float32", "int8"]
    assert document["batch_size"] == 4
    (network,) = document["networks"]
    assert [advice["batch_size"] for advice in network["recommendations"]] == [1, 4]
    assert network["plot"] == str(run / "pareto.svg")
    assert (run / "pareto.svg").read_bytes().startswith(b"<?xml")


def test_variant_that_is_slower_is_said_to_be_and_is_not_recommended(
    capsys: Capture, run: Path
) -> None:
    slow_down(run, 3)
    (network,) = compared(capsys, "--pareto", str(run))["networks"]
    assert {advice["take"] for advice in network["recommendations"]} == {"float32 on cpu"}
    assert main(["compare", "--pareto", str(run)]) == 0
    told = capsys.readouterr().out
    assert "SLOWER 0.33" in told
    assert "take float32 on cpu: nothing that passed is faster by more than chance" in told
    assert "int8 on cpu: 0.33 times" in told
    assert widest_of_tables(told) <= 80


def test_variant_that_is_faster_is_recommended(capsys: Capture, run: Path) -> None:
    slow_down(run, 0.25)
    (network,) = compared(capsys, "--pareto", str(run))["networks"]
    assert {advice["take"] for advice in network["recommendations"]} == {"int8 on cpu"}
    assert "4.00 times float32's speed" in network["recommendations"][0]["why"]


def test_without_pareto_nothing_is_drawn(capsys: Capture, run: Path) -> None:
    assert compared(capsys, str(run))["networks"] is None
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
    assert [row["precision"] for row in json.loads(out)["rows"]] == ["float32"]
    assert "int8-cpu.json is left out: it is of another ONNX file" in err


def test_evaluations_without_an_export_are_left_out(capsys: Capture, run: Path) -> None:
    (run / "export.json").unlink()
    assert main(["compare", str(run)]) == 4
    told = capsys.readouterr().err
    assert "int8-cpu.json is left out: no export.json speaks of it" in told
    assert "error: run: has no evaluation of what was exported last" in told.replace(
        str(run), "run"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--plot", "a.svg"], 2, "--plot: wants --pareto"),
        (["--pareto", "--plot", "a.bmp"], 2, "wanted a name in .svg, .png, .pdf"),
        (["--pareto", "--plot", "run/model.onnx"], 2, "has the name of a run's own file"),
        (["--batch-size", "3"], 2, "have timed: 1, 4"),
        (["--columns", "speed"], 2, "--columns: unknown column 'speed': wanted one of run, "),
        (["--sort", "-speed"], 2, "--sort: unknown column 'speed': wanted one of run, "),
        (["--reverse"], 2, "--reverse: wants --sort"),
        (["--csv", "--markdown"], 2, "--markdown: cannot be given with --csv"),
        (["--csv", "--json"], 2, "--csv: cannot be given with --json"),
        (["--against", "int9-cpu"], 2, "no evaluation is called 'int9-cpu': wanted one of run/"),
        (["nowhere"], 4, "nowhere: no such run directory or evaluation"),
        (["run/export.json"], 4, "run/export.json: not a valid Evaluation"),
        (["run/model.onnx"], 4, "run/model.onnx: not a valid Evaluation"),
        (["run/evaluations"], 4, "run/evaluations: is no run directory"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    capsys: Capture, run: Path, arguments: list[str], code: int, told: str
) -> None:
    assert main(["compare", str(run), *arguments]) == code
    error = capsys.readouterr().err
    assert told in error
    assert [line.split(":")[0] for line in error.splitlines()] in (["error"], ["error", "hint"])


def test_run_without_evaluations_is_told_how_to_get_some(capsys: Capture, run: Path) -> None:
    shutil.rmtree(run / "evaluations")
    assert main(["compare", str(run)]) == 4
    assert "python cli.py evaluate --run=" in capsys.readouterr().err


def test_runs_and_files_are_rows_of_one_table(capsys: Capture, run: Path) -> None:
    earlier = Path(shutil.copy(run / "evaluations" / "int8-cpu.json", "earlier.json"))
    other = shutil.copytree(run, "a/run")
    document = compared(capsys, str(earlier), str(run), str(other), str(run))
    assert [row["name"] for row in document["rows"]] == [
        "earlier",
        *(f"{Path.cwd().name}/run/{each}" for each in ("float32-cpu", "int8-cpu")),
        *(f"a/run/{each}" for each in ("float32-cpu", "int8-cpu")),
    ]
    assert (document["schema"], document["baseline"]) == (1, "earlier")
    assert main(["compare", str(earlier), str(run), str(other), "--columns", "run,rate,cpu"]) == 0
    assert "worse than earlier" not in capsys.readouterr().out  # no column has marks
    assert main(["compare", str(earlier), str(run), str(other)]) == 0
    assert "worse than earlier" in capsys.readouterr().out


def test_accuracy_is_marked_only_where_it_is_no_chance(capsys: Capture, run: Path) -> None:
    path = run / "evaluations" / "int8-cpu.json"
    record = json.loads(path.read_text())
    for correct, low, high, mark in ((66, 0.92, 0.997, None), (10, 0.08, 0.25, "worse")):
        record["accuracy"] |= {"correct": correct, "top1": correct / 67, "ci95": [low, high]}
        counts = {"correct": correct, "examples": 67}, *[{"correct": 0, "examples": 0}] * 2
        record["accuracy"]["per_class"] = [{"label": str(i)} | one for i, one in enumerate(counts)]
        record["accuracy"]["confusion"] = [[correct, 67 - correct, 0], [0, 0, 0], [0, 0, 0]]
        path.write_text(json.dumps(sealed(record)))
        assert compared(capsys, str(run))["rows"][1]["accuracy_mark"] == mark


@pytest.mark.parametrize("against", ["run/int8-cpu", "int8-cpu", "run/evaluations/int8-cpu.json"])
def test_any_evaluation_can_be_the_baseline(capsys: Capture, run: Path, against: str) -> None:
    slow_down(run, 3)
    document = compared(capsys, str(run), "--against", against)
    assert document["baseline"] == "run/int8-cpu"
    assert [row["p50_mark"] for row in document["rows"]] == ["better", None]


def test_baseline_from_elsewhere_is_a_row_too(capsys: Capture, run: Path) -> None:
    shutil.copy(run / "evaluations" / "int8-cpu.json", "old.json")
    document = compared(capsys, str(run), "--against", "old.json")
    assert [row["run"] for row in document["rows"]] == ["old", "run", "run"]
    assert document["baseline"] == "old"


def test_name_of_several_evaluations_is_no_baseline(capsys: Capture, run: Path) -> None:
    shutil.copytree(run, "other")
    assert main(["compare", str(run), "other", "--against", "int8-cpu"]) == 2
    told = "--against: is the name of several: wanted one of run/int8-cpu, other/int8-cpu"
    assert told in capsys.readouterr().err
    assert compared(capsys, str(run), "other", "--against", "other")["baseline"] == (
        "other/float32-cpu"
    )


def test_evaluation_that_timed_nothing_is_shown(capsys: Capture, run: Path) -> None:
    assert main(["evaluate", "--run", str(run), "--precision", "int8", "--no-latency"]) == 0
    document = compared(capsys, str(run))
    assert [row["p50_ms"] is None for row in document["rows"]] == [False, True]
    assert main(["compare", str(run), "--pareto"]) == 0
    assert "not timed" in capsys.readouterr().out
    assert main(["evaluate", "--run", str(run), "--no-latency"]) == 0
    capsys.readouterr()
    assert main(["compare", str(run), "--pareto"]) == 0
    out = capsys.readouterr().out
    assert "there is no batch size that all have timed" in out
    assert "plot:" not in out


def test_file_that_is_not_of_the_last_export_is_warned_about(capsys: Capture, run: Path) -> None:
    path = run / "evaluations" / "int8-cpu.json"
    record = json.loads(path.read_text())
    record["model"]["onnx_sha256"] = "0" * 64
    path.write_text(json.dumps(sealed(record)))
    assert main(["compare", str(path), "--json"]) == 0
    out, err = capsys.readouterr()
    assert len(json.loads(out)["rows"]) == 1
    assert f"warning: {path}: it is of another ONNX file than was exported last" in err


def test_sorting_and_columns_are_those_asked_for(capsys: Capture, run: Path) -> None:
    slow_down(run, 3)

    def order(*options: str) -> list[str]:
        return [row["precision"] for row in compared(capsys, str(run), *options)["rows"]]

    assert order("--sort", "p50") == order("--sort", "-p50", "--reverse") == ["float32", "int8"]
    assert order("--sort", "-p50") == order("--sort", "p50", "--reverse") == ["int8", "float32"]
    assert main(["compare", str(run), "--columns", "flips, precision"]) == 0
    titles = [line.split() for line in capsys.readouterr().out.splitlines() if "flips" in line]
    assert titles == [["flips", "precision"]]


def test_forms_hold_the_same_rows(capsys: Capture, run: Path) -> None:
    rows = compared(capsys, str(run))["rows"]
    assert main(["compare", str(run), "--csv"]) == 0
    found = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert [row["file"] for row in found] == [row["file"] for row in rows]
    assert [float(row["p50_ms"]) for row in found] == [row["p50_ms"] for row in rows]
    assert main(["compare", str(run), "--markdown"]) == 0
    assert capsys.readouterr().out.count("\n| ") == 4


def test_every_column_of_long_names_fits_80_columns(capsys: Capture, run: Path) -> None:
    name = "a-very-long_name.of.a.run/" + "withoutanyplacetobreakit" * 4
    for end in ("a[red]", "b表"):
        shutil.copytree(run, f"{name}/{end}/run")
    every = ",".join(COMPARED_COLUMNS)
    runs = sorted(str(path.parent) for path in Path(name.split("/")[0]).rglob("export.json"))
    assert main(["compare", *runs, "--columns", every]) == 0
    out = capsys.readouterr().out
    assert "a[red]/" in out
    assert "b表/run" in out
    assert max(cell_len(line) for line in out.split("▲")[0].splitlines()) <= 80
    assert main(["compare", *runs, "--pareto"]) == 0
    table = capsys.readouterr().out.split("▲")[0]
    assert max(cell_len(line) for line in table.splitlines()) <= 80
