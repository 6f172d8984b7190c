"""ONNX files of strangers, given to the commands: one line, the right exit code, no traceback."""

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto
from PIL import Image

from commands.main import main
from tests.evaluate import hostile_files as hostile
from tests.evaluate.strangers import strangers_run
from tests.serve.servers import running_server

ROOT = Path(__file__).parents[2]
Capture = pytest.CaptureFixture[str]
LOOPS, ENDS = 125, 3  # brightness of images with which the graph of `sometimes` does so
NAME = "a\nb\x1b[31m\N{GRINNING FACE}"


def saved(path: Path, model: ModelProto) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def image(brightness: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((2, 2), brightness, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def sometimes(tmp_path: Path) -> Path:
    """A graph that loops for ever on images that its trial does not know."""
    model = hostile.endless_loop(only_between=(100, 150))
    return saved(tmp_path / "sometimes.onnx", model)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images of which the last alone is one that `sometimes` does not end with."""
    monkeypatch.chdir(tmp_path)
    images = np.full((200, 1, 2, 2), ENDS, np.uint8)
    images[-1] = LOOPS
    labels = np.arange(200) % 4
    path = tmp_path / "data.npz"
    np.savez(path, train_images=images, train_labels=labels, test_images=images, test_labels=labels)
    return path


def test_every_command_tells_of_a_crash_in_one_line(
    data: Path, tmp_path: Path, capsys: Capture
) -> None:
    path = saved(tmp_path / "x.onnx", hostile.division_by_zero())
    given = ["--onnx", str(path)]
    for command in (
        ["evaluate", *given, "--dataset", str(data)],
        ["predict", *given, "gone.png"],
        ["serve", *given, "--port", "0"],
    ):
        assert main(command) == 5
        told = capsys.readouterr()
        assert told == ("", f"error: {path}: crashed (SIGFPE) when it was first run\n")
    assert not Path("runs").exists()


def test_every_command_tells_of_a_crash_of_a_strangers_run(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    run = strangers_run(finished_run, tmp_path / "run", hostile.division_by_zero())
    monkeypatch.chdir(tmp_path)
    for command in (
        ["evaluate"],
        ["predict", "gone.png"],
        ["serve", "--port", "0"],
        ["export", "--precision", "int8"],
    ):
        assert main([*command, "--run", str(run.root)]) == 5
        told = capsys.readouterr()
        crash = f"error: {run.root / 'model.onnx'}: crashed (SIGFPE) when it was first run"
        assert (told.out, told.err.splitlines()[-1]) == ("", crash)


def test_strangers_float32_graph_that_crashes_is_not_timed_beside_int8(
    evaluated_run: Path, tmp_path: Path, capsys: Capture
) -> None:
    run = strangers_run(evaluated_run, tmp_path / "run", hostile.division_by_zero())
    options = ["--precision", "int8", "--batch-sizes", "1", "--min-seconds", "0.01", "--json"]
    assert main(["evaluate", "--run", str(run.root), *options]) in (0, 1)
    told = capsys.readouterr()
    assert f"float32 is not timed beside int8: {run.root / 'model.onnx'}: crashed" in told.err
    assert json.loads(told.out)["latency"][0]["float32"] is None


def test_evaluation_of_a_graph_that_loops_on_the_last_image_ends(
    data: Path, sometimes: Path, capsys: Capture
) -> None:
    options = ["--dataset", str(data), "--no-latency", "--model-timeout", "5"]
    start = time.monotonic()
    assert main(["evaluate", "--onnx", str(sometimes), *options]) == 5
    assert time.monotonic() - start < 60
    assert capsys.readouterr().err.splitlines()[-2:] == [
        f"error: {sometimes}: the graph was ended: a run lasted longer than 5 seconds",
        "hint: evaluate, predict and serve allow it more with --model-timeout",
    ]
    assert not list(Path("runs").rglob("*.json"))


def test_node_that_cannot_be_interrupted_ends_with_the_process(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.onnx", hostile.endless_node(only_between=(100, 150)))
    (tmp_path / "loops.png").write_bytes(image(LOOPS))
    command = ["predict", "--onnx", str(path), "--model-timeout", "5", str(tmp_path / "loops.png")]
    program = (
        "import sys; from commands.main import main; from evaluate.watchdog import WATCHDOG;"
        f" WATCHDOG.grace_seconds = 0.5; sys.exit(main({command}))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (5, "")
    assert ended.stderr.splitlines()[-1] == (
        f"error: {path}: a run lasts too long and does not end when it is told to: the process is"
        " ended"
    )


def test_server_answers_others_after_an_image_that_the_graph_never_ends_with(
    sometimes: Path,
) -> None:
    with running_server("--onnx", sometimes, "--timeout", "1", "--max-batch", "2") as server:
        assert server.predict(image(ENDS), "image/png")[0] == 200
        status, problem = server.predict(image(LOOPS), "image/png")
        assert status in (500, 503)
        assert problem["status"] == status
        end = time.monotonic() + 20
        while (found := server.predict(image(ENDS), "image/png")[0]) == 503:
            assert time.monotonic() < end
        assert found == 200
        assert server.get("healthz")[0] == 200


def test_names_of_a_stranger_are_printed_as_escapes(
    data: Path, tmp_path: Path, capsys: Capture
) -> None:
    model = hostile.model_of([*hostile.FLOATS, hostile.NODE("Identity", ["flat"], ["logits"])])
    model.graph.input[0].name = NAME
    model.graph.node[0].input[0] = NAME
    model.graph.output[0].name = NAME + "out"
    model.graph.node[2].output[0] = NAME + "out"
    for key, value in ((NAME, NAME), ("classes", json.dumps([NAME, "b", "c", "d"]))):
        model.metadata_props.add(key=key, value=value)
    path = saved(tmp_path / "names.onnx", model)
    (tmp_path / "x.png").write_bytes(image(ENDS))
    given = ["--onnx", str(path)]
    for command, code in (
        (["evaluate", *given, "--dataset", str(data), "--no-latency"], 0),
        (["predict", *given, "x.png"], 0),
        (["evaluate", *given, "--dataset", "digits", "--no-latency"], 2),
        (["evaluate", *given, "--dataset", str(data), "--input-dtype", "float32"], 2),
    ):
        assert main(command) == code
        told = capsys.readouterr()
        printed = (told.out + told.err).replace("\n", "")
        assert printed.isprintable(), repr(printed)


@pytest.mark.parametrize("classes", ["[" * 100_000, "{", "7", '["a"]', '[["a"], {}, null, 1e400]'])
def test_list_of_classes_that_is_none_is_not_used(
    data: Path, tmp_path: Path, capsys: Capture, classes: str
) -> None:
    model = hostile.flat_logits()
    model.metadata_props.add(key="classes", value=classes)
    path = saved(tmp_path / "classes.onnx", model)
    (tmp_path / "x.png").write_bytes(image(ENDS))
    assert main(["predict", "--onnx", str(path), "x.png", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"][0]["predictions"]


def test_logits_that_are_no_numbers_are_told_and_json_holds_none(
    data: Path, tmp_path: Path, capsys: Capture
) -> None:
    path = saved(tmp_path / "nan.onnx", hostile.not_a_number())
    assert main(["evaluate", "--onnx", str(path), "--dataset", str(data), "--json"]) == 1
    document = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert document["verdict"] == "fail"
    (tmp_path / "x.png").write_bytes(image(ENDS))
    assert main(["predict", "--onnx", str(path), "x.png", "--json"]) == 4
    json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


def test_number_of_classes_that_the_images_decide_is_told_by_the_files_name(
    data: Path, tmp_path: Path, capsys: Capture
) -> None:
    path = saved(tmp_path / "x.onnx", hostile.as_many_classes_as_the_brightest_pixel())
    (tmp_path / "x.png").write_bytes(image(ENDS))
    for command, problem in (
        (["predict", "x.png"], "gives 0 classes"),
        (["evaluate", "--dataset", str(data)], "gives 3 classes for one batch and 4 for another"),
    ):
        assert main([*command, "--onnx", str(path)]) == 5
        assert capsys.readouterr().err.splitlines()[-1] == f"error: {path}: {problem}"


def test_reference_that_gives_too_few_answers_is_told_by_its_name(
    data: Path, tmp_path: Path, capsys: Capture
) -> None:
    path = saved(tmp_path / "x.onnx", hostile.flat_logits())
    few = saved(tmp_path / "few.onnx", hostile.first_answer_alone())
    given = ["--onnx", str(path), "--reference-onnx", str(few), "--dataset", str(data)]
    assert main(["evaluate", *given, "--no-latency"]) == 4
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == f"error: {few}: gives 1 answers for 128 images"
