"""`report` as a user calls it: what is written where, what is refused, what is missing."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from artifacts.files import sha256_of_file
from commands.main import main
from untrusted.sealed_json import sealed


@pytest.fixture
def run(evaluated_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    copy = tmp_path / "runs" / "tiny"
    shutil.copytree(evaluated_run, copy)
    return copy


def text_of(run: Path) -> str:
    return (run / "report.html").read_text()


def test_page_lies_in_the_run_and_tells_verdict_chain_and_commands(run: Path) -> None:
    assert main(["report", str(run)]) == 0
    text = text_of(run)
    record = json.loads((run / "evaluations" / "float32-cpu.json").read_text())
    assert "float32 on cpu: passed" in text
    assert f"{record['accuracy']['correct']:,} of {record['accuracy']['examples']:,}" in text
    for sha256 in (
        record["model"]["onnx_sha256"],
        record["model"]["checkpoint_sha256"],
        record["dataset"]["sha256"],
        record["reference_sha256"],
    ):
        assert sha256 in text
    for name in ("training.json", "evaluations/int8-cpu.json"):
        recorded = json.loads((run / name).read_text())["command"]
        assert recorded.replace("'", "&#39;") in text


def test_plots_are_written_as_svg_and_png(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run), "--plots", "plots", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    written = sorted(Path("plots").iterdir())
    assert sorted(document["plots"]) == [str(path) for path in written]
    names = {path.stem for path in written}
    assert names == {
        *("confusion", "classes", "loss", "accuracy", "differences"),
        *("latency", "roofline", "speedup", "pareto"),
    }
    for path in written:
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert min(image.size) > 200
        else:
            assert ElementTree.parse(path).getroot().get("viewBox")


def test_page_of_several_runs_lies_beside_them(run: Path) -> None:
    second = run.with_name("second")
    shutil.copytree(run, second)
    assert main(["report", str(run), str(second), "--plots", "plots"]) == 0
    text = Path("runs/report.html").read_text()
    assert "All runs" in text
    assert {path.name for path in Path("plots").iterdir()} == {"tiny", "second"}


def test_report_of_a_failed_evaluation_says_why(run: Path) -> None:
    gate = ["--min-accuracy", "1.0", "--max-p50-ms", "0.000001"]
    options = ["--min-seconds", "0.02", "--batch-sizes", "1"]
    assert main(["evaluate", "--run", str(run), *gate, *options]) == 1
    assert main(["report", str(run)]) == 0
    text = text_of(run)
    failures = json.loads((run / "evaluations" / "float32-cpu.json").read_text())["failures"]
    assert failures
    assert all(failure.replace("'", "&#39;") in text for failure in failures)
    assert "float32 on cpu: failed" in text
    assert 'class="verdict failed"' in text


def test_training_alone_is_reported_with_what_is_missing(run: Path) -> None:
    for path in (run / "evaluations", run / "export.json", *run.glob("model*.onnx")):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert main(["report", str(run)]) == 0
    text = text_of(run)
    assert "Not proved" in text
    assert text.count("the network has not been evaluated") >= 4
    assert "Nothing was exported by this run." in text


def test_evaluation_without_latency_says_that_it_is_missing(run: Path) -> None:
    assert main(["evaluate", "--run", str(run), "--no-latency"]) == 0
    (run / "evaluations" / "int8-cpu.json").unlink()
    assert main(["report", str(run)]) == 0
    assert "Not measured: no evaluation timed anything." in text_of(run)
    assert "Nothing was timed." in text_of(run)


@pytest.mark.parametrize("name", ["weights.safetensors", "model.onnx", "reference.npz"])
def test_damaged_file_is_refused_and_the_old_page_stays(
    run: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "report.html").write_text("old")
    with (run / name).open("ab") as file:
        file.write(b"x")
    assert main(["report", str(run)]) == 4
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert name in error
    assert text_of(run) == "old"


def test_stale_evaluation_is_left_out_and_named(run: Path) -> None:
    path = run / "evaluations" / "int8-cpu.json"
    record = json.loads(path.read_text())
    record["model"]["onnx_sha256"] = "0" * 64
    path.write_text(json.dumps(sealed(record)))
    assert main(["report", str(run)]) == 0
    text = text_of(run)
    assert "int8 on cpu: " not in text
    assert "evaluations/int8-cpu.json is left out: it is of another ONNX file" in text
    assert text.count("left out: is of another ONNX file") == 1  # in the chain


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nowhere"], 4, "error: nowhere: no such run directory"),
        (["empty"], 4, "error: empty: has nothing to report"),
        (["one", "two", "--dataset", "x.npz"], 2, "error: --dataset: wants one run"),
        ([], 4, "error: runs: no run was trained here yet"),
    ],
)
def test_bad_input_is_told_in_one_line(
    arguments: list[str],
    code: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    assert main(["report", *arguments]) == code
    assert capsys.readouterr().err.splitlines()[0].startswith(told)


def test_damaged_history_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "history.jsonl").write_text('{"epoch": "one"}\n')
    assert main(["report", str(run)]) == 4
    assert "history.jsonl: is not the file that training.json speaks of" in capsys.readouterr().err


def test_images_are_said_to_be_missing_where_their_dataset_is(
    run: Path, tiny_npz: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = run / "recipe.json"
    gone = json.loads(recipe.read_text())
    gone["dataset"]["source"] = "gone.npz"
    recipe.write_text(json.dumps(sealed(gone)))
    # The recipe is a link of the chain, so its own record has to follow.
    training = json.loads((run / "training.json").read_text())
    training["recipe_sha256"] = sha256_of_file(recipe)
    (run / "training.json").write_text(json.dumps(sealed(training)))
    assert main(["report", str(run)]) == 0
    assert "The images themselves are not shown: gone.npz" in text_of(run)
    assert "not checked: gone.npz" in text_of(run)
    assert main(["report", str(run), "--dataset", str(tiny_npz)]) == 0
    assert "not shown" not in text_of(run)


def test_dataset_that_is_named_must_be_the_right_one(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(run), "--dataset", "digits"]) == 4
    assert "error: digits: is not the dataset" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"index": 99_999}, "shows test image 99999, but there are 67"),
        ({"index": -1}, "not a valid Evaluation"),
        ({"classes": [0, 1, 2, 3]}, "wanted as many probabilities as classes"),
    ],
)
def test_examples_that_cannot_be_are_refused(
    run: Path, change: dict[str, object], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run / "evaluations" / "float32-cpu.json"
    record = json.loads(path.read_text())
    example = {"index": 3, "label": 0, "classes": [0, 1], "onnx": [0.5, 0.5], "reference": None}
    record["shown"]["wrong"] = [example | change]
    path.write_text(json.dumps(sealed(record)))
    assert main(["report", str(run)]) == 4
    assert told in capsys.readouterr().err


def test_names_of_classes_cannot_be_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("<script>alert(1)<", "b&amp;'\""):
            folder = Path("photos") / split / name.replace("/", "")
            folder.mkdir(parents=True)
            for number in range(12):
                pixels = random.integers(0, 255, size=(8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    options = ["--dataset", "photos", "--model", "logistic", "--epochs", "1", "--run", "run"]
    assert main(["train", *options]) == 0
    assert main(["export", "--run", "run"]) == 0
    assert main(["evaluate", "--run", "run", "--no-latency"]) == 0
    assert main(["report", "run"]) == 0
    text = text_of(Path("run"))
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;" in text


def test_file_that_no_run_made_is_reported_too(
    run: Path, tiny_npz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx = shutil.copy(run / "model.onnx", "other.onnx")
    evaluate = ["evaluate", "--onnx", str(onnx), "--dataset", str(tiny_npz), "--no-latency"]
    assert main(evaluate) == 0
    made = Path("runs/tiny-other.onnx")
    assert main(["report", str(made)]) == 0
    text = text_of(made)
    assert "Nothing was there to compare with" in text
    assert "not checked: no run of this project made it" in text
    assert sha256_of_file(Path("other.onnx")) in text
    assert "recipe.json" not in text
    assert "nothing says where their dataset is; name it with --dataset" in text
    assert main(["report", str(made), "--dataset", str(tiny_npz)]) == 0
    assert "name it with --dataset" not in text_of(made)


def test_images_without_labels_have_no_accuracy_and_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(
        "import torch\n"
        "def factory(num_classes, in_channels):\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, num_classes))\n"
    )
    weights = {"1.weight": np.random.default_rng(0).normal(size=(3, 64)), "1.bias": np.zeros(3)}
    import torch

    torch.save({name: torch.tensor(value).float() for name, value in weights.items()}, "net.pt")
    Path("photos").mkdir()
    for number in range(9):
        pixels = np.random.default_rng(number).integers(0, 255, size=(8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(f"photos/{number}.png")
    imported = ["--checkpoint", "net.pt", "--model", "net.py:factory", "--dataset", "photos"]
    assert main(["export", *imported, "--run", "run"]) == 0
    quick = ["--min-seconds", "0.02", "--batch-sizes", "1"]
    assert main(["evaluate", "--run", "run", *quick]) == 0
    assert main(["report", "run"]) == 0
    text = text_of(Path("run"))
    assert "The images have no labels: accuracy is not known." in text
    assert "the network was trained elsewhere" in text
    assert "no labels" in text
    assert "0.00%" not in text


@pytest.mark.parametrize("places", [["runs"], ["runs/last-run.txt", "runs/report.html", "runs/a"]])
def test_all_runs_of_a_directory_are_reported(run: Path, places: list[str]) -> None:
    for name in ("a", "b"):
        shutil.copytree(run, run.with_name(name))
    shutil.rmtree(run)
    Path("runs/last-run.txt").write_text(f"{run}\n")
    Path("runs/report.html").write_text("old")
    assert main(["report", *places, "runs/b"]) == 0
    text = Path("runs/report.html").read_text()
    assert ">2 networks</h1>" in text  # b is named twice, and told once


def test_runs_of_one_name_are_told_apart_and_keep_their_plots(run: Path) -> None:
    other = run.parents[1] / "other" / run.name
    shutil.copytree(run, other)
    assert main(["report", str(run), str(other), "--plots", "plots", "--output", "all.html"]) == 0
    assert Path("plots/runs/tiny/loss.svg").is_file()
    assert Path("plots/other/tiny/loss.svg").is_file()
    assert ">runs/tiny</h2>" in Path("all.html").read_text()


def test_empty_name_of_the_page_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run), "--output", ""]) == 2
    assert "error: --output: wanted a file's name" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--output", "--plots"])
@pytest.mark.parametrize(
    "name",
    ["weights.safetensors", "recipe.json", "imported.json", "model.fp16.onnx", "model.onnx.data"],
)
def test_files_of_a_run_are_not_written_over(
    run: Path, option: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for place in (run / name, run.with_name("another") / name):
        assert main(["report", str(run), option, str(place)]) == 2
        assert f"error: {option}: " in capsys.readouterr().err
    assert whole == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_error_of_writing_has_a_hint_only_where_it_helps(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").write_text("in the way")
    assert main(["report", str(run), "--output", "file/page.html"]) == 5
    assert "hint" not in capsys.readouterr().err
