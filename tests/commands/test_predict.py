"""`predict`: image files to classes, through a run's network or any ONNX file."""

import io
import json
import math
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper
from PIL import Image

from artifacts.logits import load_reference
from commands.main import main
from data import load_dataset
from data.images import MAX_FILE_BYTES, MAX_PIXELS
from tests.evaluate.onnx_files import linear, linear_nodes, write_model
from tests.serve.test_attacks import png

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def own_images(here: Path, tiny_npz: Path) -> Path:
    """Return a folder of the run's own test images as PNG files, in their order."""
    folder = here / "images"
    folder.mkdir()
    for index, image in enumerate(load_dataset(str(tiny_npz)).test.images):
        Image.fromarray(image[0]).save(folder / f"{index:03}.png")
    return folder


@pytest.fixture
def model(here: Path) -> Path:
    """A linear classifier of grey images of 2x2 pixels."""
    return write_model(here / "linear.onnx", linear_nodes())


def save(path: Path, pixels: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(pixels, dtype=np.uint8)).save(path)
    return path


def predicted(capsys: Capture, *arguments: object, code: int = 0) -> Any:
    capsys.readouterr()
    given = [str(argument) for argument in arguments]
    assert main(["predict", *given, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_images_of_the_own_images_get_pytorch_s_classes(
    capsys: Capture, finished_run: Path, own_images: Path
) -> None:
    logits = load_reference(finished_run / "reference.npz").float64_NK
    document = predicted(capsys, own_images, "--run", finished_run)
    images = document["images"]
    assert [Path(image["file"]).name for image in images] == [f"{n:03}.png" for n in range(67)]
    best = [image["predictions"][0]["index"] for image in images]
    assert best == logits.argmax(axis=1).tolist()
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax = np.sort(exponentials / exponentials.sum(axis=1, keepdims=True))[:, ::-1]
    found = [[each["probability"] for each in image["predictions"]] for image in images]
    assert np.abs(np.array(found) - softmax).max() < 1e-5  # three classes, --top 3


def test_document_names_the_file_that_was_asked(
    capsys: Capture, finished_run: Path, own_images: Path
) -> None:
    image = own_images / "000.png"
    document = predicted(capsys, image, "--run", finished_run, "--top", "1")
    export = json.loads((finished_run / "export.json").read_text())
    assert list(document) == ["schema", "model", "provider", "images"]
    assert document["schema"] == 1
    assert document["model"] == {
        "onnx_sha256": export["variants"]["float32"]["onnx_sha256"],
        "name": "mlp",
    }
    assert document["provider"] == "cpu"
    (answer,) = document["images"]
    assert answer["file"] == str(image)
    (prediction,) = answer["predictions"]
    assert list(prediction) == ["class", "index", "probability"]
    assert prediction["class"] == str(prediction["index"])


def test_run_trained_last_is_asked_unless_another_is_named(
    capsys: Capture, here: Path, tiny_npz: Path
) -> None:
    image = save(here / "a.png", [[1, 2], [3, 4]])
    assert main(["predict", str(image)]) == 4
    assert "no run was trained here yet" in capsys.readouterr().err
    options = ["--dataset", str(tiny_npz), "--model", "logistic", "--epochs", "1"]
    assert main(["train", *options]) == 0
    assert main(["export"]) == 0
    assert predicted(capsys, image)["model"]["name"] == "logistic"


def test_changed_network_of_a_run_is_refused(
    capsys: Capture, here: Path, finished_run: Path
) -> None:
    run = here / "run"
    run.mkdir()
    for path in finished_run.iterdir():
        if path.is_file():
            (run / path.name).write_bytes(path.read_bytes())
    content = bytearray((run / "model.onnx").read_bytes())
    content[-1] ^= 1
    (run / "model.onnx").write_bytes(content)
    assert main(["predict", str(save(here / "a.png", [[1]])), "--run", str(run)]) == 4
    assert "model.onnx: is not the file that export.json speaks of" in capsys.readouterr().err


def test_any_file_is_asked_by_hand_the_same(capsys: Capture, here: Path, model: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 1, 2, 2), dtype=np.uint8)
    for index, image in enumerate(pixels):
        save(here / "many" / f"{index:02}.png", image[0])
    document = predicted(capsys, "many", "--onnx", model, "--top", "99")
    assert document["model"]["name"] == "linear"
    for image, logits in zip(document["images"], linear(pixels), strict=True):
        order = [each["index"] for each in image["predictions"]]
        assert order == np.argsort(-logits, kind="stable").tolist()
        assert sum(each["probability"] for each in image["predictions"]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        ('["cat", "dog", "Ä[b]"]', {"cat", "dog", "Ä[b]"}),
        ('["cat", "dog"]', {"0", "1", "2"}),
        ("no json", {"0", "1", "2"}),
        (None, {"0", "1", "2"}),
    ],
)
def test_classes_are_called_as_the_file_says(
    capsys: Capture, here: Path, model: Path, names: str | None, classes: set[str]
) -> None:
    import onnx

    graph = onnx.load(model)
    if names is not None:
        onnx.helper.set_model_props(graph, {"classes": names})
    onnx.save(graph, model)
    image = save(here / "a.png", [[1, 2], [3, 4]])
    (answer,) = predicted(capsys, image, "--onnx", model)["images"]
    assert {each["class"] for each in answer["predictions"]} == classes


def test_scaling_and_probabilities_are_taken_as_they_are(
    capsys: Capture, here: Path, model: Path
) -> None:
    softmax = helper.make_node("Softmax", ["logits"], ["scores"], axis=1)
    undone = [
        helper.make_node("Constant", [], ["scale"], value_floats=[255.0]),
        helper.make_node("Mul", ["pixels", "scale"], ["raw"]),
        *linear_nodes("raw"),
        softmax,
    ]
    other = write_model(
        here / "other.onnx", undone, dtype="float32", output="scores", shape=("n", 1, 2, 2)
    )
    image = save(here / "a.png", [[1, 2], [3, 4]])
    (wanted,) = predicted(capsys, image, "--onnx", model)["images"]
    (found,) = predicted(capsys, image, "--onnx", other, "--input-scale", "1/255")["images"]
    for one, another in zip(wanted["predictions"], found["predictions"], strict=True):
        assert one["index"] == another["index"]
        assert one["probability"] == pytest.approx(another["probability"], abs=1e-5)


def test_colour_is_given_in_the_graph_s_layout_and_batch_size(capsys: Capture, here: Path) -> None:
    nodes = [
        helper.make_node("Transpose", ["pixels"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMean", ["nchw"], ["logits"], keepdims=0, axes=[2, 3]),
    ]
    path = here / "mean.onnx"
    write_model(path, nodes, shape=(2, 4, 5, 3))  # logits: the mean of red, green, blue
    import onnx

    graph = onnx.load(path)
    graph.opset_import[0].version = 13  # where axes are an attribute
    onnx.save(graph, path)
    for name, colour in (("r", (9, 0, 0)), ("g", (0, 9, 0)), ("b", (0, 0, 9))):
        Image.new("RGB", (11, 13), colour).save(here / f"{name}.png")
    document = predicted(capsys, "r.png", "g.png", "b.png", "--onnx", path, "--top", "1")
    assert [image["predictions"][0]["index"] for image in document["images"]] == [0, 1, 2]


def test_bad_files_are_named_and_the_others_are_done(
    capsys: Capture, here: Path, model: Path
) -> None:
    good = save(here / "a b\n😀[red].png", [[1, 2], [3, 4]])
    (here / "empty.png").touch()
    cut = save(here / "cut.png", np.arange(10_000).reshape(100, 100) % 251)
    cut.write_bytes(cut.read_bytes()[:-2000])
    (here / "nothing").mkdir()
    given = ["gone.png", good, "empty.png", cut, "nothing", good]
    document = predicted(capsys, *given, "--onnx", model, code=4)
    images = document["images"]
    assert [image["file"] for image in images] == [str(name) for name in given]
    assert [list(image) for image in images if "error" in image] == [["file", "error"]] * 4
    assert images[0]["error"] == "no such file"
    assert images[1]["predictions"] == images[5]["predictions"]
    assert main(["predict", *map(str, given), "--onnx", str(model)]) == 4
    out, err = capsys.readouterr()
    assert [line.split(": ")[:2] for line in err.splitlines()] == [
        ["error", "gone.png"],
        ["error", "empty.png"],
        ["error", str(cut)],
        ["error", "nothing"],
    ]
    assert out.count("a b\\n😀[red].png") == 2
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 80


def test_nothing_that_can_be_read_is_an_error(capsys: Capture, here: Path, model: Path) -> None:
    (here / "notes").mkdir()
    (here / "notes" / "notes.txt").touch()
    assert main(["predict", "gone.png", "notes", "--onnx", str(model)]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert "error: gone.png: no such file\n" in err
    assert "error: notes: has no images" in err


def test_no_file_name_is_cut(capsys: Capture, here: Path, model: Path) -> None:
    name = "x" * 200 + ".png"
    save(here / name, [[1]])
    assert main(["predict", name, "--onnx", str(model), "--top", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "".join(line.split()[0] for line in lines if "xx" in line or ".png" in line) == name
    assert max(len(line.rstrip()) for line in lines) <= 80


def test_file_name_that_is_no_utf8_is_escaped(capsys: Capture, here: Path, model: Path) -> None:
    folder = here / "odd"
    image = save(here / "a.png", [[1]])
    folder.mkdir()
    image.rename(folder / "b\udcff.png")
    (answer,) = predicted(capsys, "odd", "--onnx", model)["images"]
    assert answer["file"] == "odd/b\\xff.png"
    assert load_dataset(str(folder)).test.images.shape == (1, 1, 1, 1)


@pytest.mark.parametrize(("content", "code"), [(b"", 4), (None, 0)])
def test_dash_is_standard_input(here: Path, model: Path, content: bytes | None, code: int) -> None:
    if content is None:
        stream = io.BytesIO()
        Image.new("L", (2, 2)).save(stream, "PNG")
        content = stream.getvalue()
    command = [sys.executable, str(ROOT / "cli.py"), "predict", "-", "--onnx", str(model), "--json"]
    finished = subprocess.run(command, input=content, capture_output=True, check=False, timeout=120)
    assert finished.returncode == code, finished.stderr
    (image,) = json.loads(finished.stdout)["images"]
    assert image["file"] == "-"
    assert ("error" in image) == (code == 4)


def test_sixteen_bits_and_transparency_are_converted(
    capsys: Capture, here: Path, model: Path
) -> None:
    plain = save(here / "plain.png", [[10, 20], [30, 255]])
    wide = np.array([[10, 20], [30, 255]], dtype=np.uint16) * 257
    Image.fromarray(wide).save(here / "wide.png")
    rgba = np.zeros((2, 2, 4), dtype=np.uint8)
    rgba[..., :3] = np.array([[10, 20], [30, 77]])[..., None]
    rgba[..., 3] = [[255, 255], [255, 0]]
    Image.fromarray(rgba).save(here / "clear.png")
    Image.open(plain).convert("P").save(here / "palette.png")
    names = ("plain.png", "wide.png", "clear.png", "palette.png")
    answers = predicted(capsys, *names, "--onnx", model)["images"]
    for answer in answers[1:]:
        assert answer["predictions"] == answers[0]["predictions"]


@pytest.mark.parametrize(
    ("shape", "options", "line"),
    [
        (("n", 1, "h", 2), [], "height (h) not fixed, but"),
        (("n", 3, 3, 3), [], "error: --layout: the graph's input 'images' takes ['n', 3, 3, 3],"),
        (
            ("n", 2, 2, 2),
            [],
            "error: --onnx: the graph's input 'images' takes ['n', 2, 2, 2]: wanted",
        ),
        (("n", 1, 2, 2), ["--layout", "nhwc"], "as nhwc: wanted images of 1 channel"),
        (("n", 1, 2, 2), ["--input-scale", "2"], "error: --input-scale: the graph's input"),
        (("n", 1, 2, 2), ["--run", "x"], "error: --run: cannot be given with --onnx"),
        (("n", 1, 2, 2), ["--provider", "nothing"], "error: --provider: unknown provider"),
        (("n", 1, 2, 2), ["-", "-"], "error: IMAGE: wanted names of files and folders, found -"),
        (("n", 1, 2, 2), [""], "error: IMAGE: wanted names of files and folders, found an empty"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    capsys: Capture, here: Path, shape: tuple[int | str, ...], options: list[str], line: str
) -> None:
    flat = [helper.make_node("Flatten", ["pixels"], ["logits"])]
    classes = math.prod(side for side in shape if isinstance(side, int))
    path = write_model(here / "other.onnx", flat, shape=shape, classes=classes)
    image = save(here / "a.png", [[1]])
    assert main(["predict", str(image), "--onnx", str(path), *options]) == 2
    captured = capsys.readouterr()
    assert line in captured.err
    assert captured.out == ""


def test_options_of_files_are_refused_with_a_run(capsys: Capture, here: Path) -> None:
    assert main(["predict", "a.png", "--mean", "0.5"]) == 2
    assert "error: --mean: wants --onnx" in capsys.readouterr().err
    assert main(["predict"]) == 2
    assert "error: image: is missing" in capsys.readouterr().err
    assert main(["predict", "a.png", "--onnx", "gone.onnx"]) == 4
    assert "error: gone.onnx: no such file" in capsys.readouterr().err


def test_answer_that_is_not_finite_is_an_error_of_that_image(capsys: Capture, here: Path) -> None:
    infinite = [
        *linear_nodes(logits="plain"),
        helper.make_node("Log", ["plain"], ["logits"]),  # NaN below zero
    ]
    model = write_model(here / "log.onnx", infinite)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 1, 2, 2), dtype=np.uint8)
    is_fine = (linear(pixels) > 0).all(axis=1)
    assert 0 < is_fine.sum() < 20
    for index, image in enumerate(pixels):
        save(here / "many" / f"{index:02}.png", image[0])
    document = predicted(capsys, "many", "--onnx", model, code=4)
    assert ["predictions" in image for image in document["images"]] == is_fine.tolist()


def test_named_pipe_is_refused_by_name_and_the_others_are_told(
    model: Path, here: Path, capsys: Capture
) -> None:
    save(here / "images" / "a.png", [[1, 2], [3, 4]])
    os.mkfifo(here / "images" / "b.png")
    images = predicted(capsys, "--onnx", model, here / "images", code=4)["images"]
    assert "predictions" in images[0]
    assert images[1]["error"] == "is a named pipe: wanted a regular file"


def test_what_is_no_image_file_is_refused_by_name_at_once(
    model: Path, here: Path, capsys: Capture
) -> None:
    (here / "huge.png").write_bytes(png(60_000, 60_000, b""))
    with (here / "sparse.png").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    given = ["/dev/zero", "huge.png", "sparse.png", "gone.png\0"]
    images = predicted(capsys, "--onnx", model, *given, code=4)["images"]
    errors = [image["error"] for image in images]
    assert errors[0] == "is a device: wanted a regular file"
    assert errors[1].startswith(f"is too large, wanted at most {MAX_PIXELS} pixels: ")
    assert errors[2].startswith(f"is too large: wanted at most {MAX_FILE_BYTES:,} bytes")
    assert errors[3] == "cannot be read: embedded null byte"


def test_image_that_changes_meanwhile_is_an_image_or_an_error(
    model: Path, here: Path, capsys: Capture
) -> None:
    contents = []
    for side in (40, 60):
        pixels = np.random.default_rng(side).integers(0, 256, (side, side))
        contents.append(save(here / "a.bmp", pixels).read_bytes())
    end = threading.Event()

    def change() -> None:
        while not end.is_set():
            for content in contents:
                (here / "a.bmp").write_bytes(content)  # cut off first, and then another picture
                os.truncate(here / "a.bmp", 700)

    changing = threading.Thread(target=change)
    changing.start()
    try:
        assert main(["predict", "--onnx", str(model), *["a.bmp"] * 500, "--json"]) in (0, 4)
    finally:
        end.set()
        changing.join()
    out, err = capsys.readouterr()
    for image in json.loads(out)["images"]:
        assert "predictions" in image or image["error"].startswith("not a readable image")
    assert "internal" not in err


def test_format_that_could_start_a_program_is_refused_whatever_it_is_called(
    model: Path, here: Path, capsys: Capture
) -> None:
    Image.new("RGB", (2, 2)).save(here / "a.png", "EPS")
    (image,) = predicted(capsys, "--onnx", model, here / "a.png", code=4)["images"]
    assert image["error"] == "not a readable image: of no known format"
