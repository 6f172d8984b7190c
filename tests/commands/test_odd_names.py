"""Spaces, line breaks and emoji in the names of files, folders and classes, from end to end."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from commands.main import main

FOLDER = "my 😀\ndata 'set' \"x\""
CLASSES = ("a\nb", "café ☕", "two words")
PHOTO = "photo\t1 😀.png"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset of images, every name of it odd."""
    root = tmp_path_factory.mktemp("odd")
    random = np.random.default_rng(0)
    for split, examples in (("train", 6), ("test", 2)):
        for label, name in enumerate(CLASSES):
            (root / FOLDER / split / name).mkdir(parents=True)
            for number in range(examples):
                pixels = random.integers(0, 60, (8, 8)) + 80 * label
                path = root / FOLDER / split / name / f"{number} {PHOTO}"
                Image.fromarray(pixels.astype(np.uint8)).save(path)
    return root


def test_odd_names_reach_the_records_as_they_are(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    run = Path("runs\n✓") / "run 1"
    train = ["train", "--dataset", FOLDER, "--model", "logistic", "--epochs", "3"]
    assert main([*train, "--run", str(run)]) == 0
    assert main(["export", "--run", str(run)]) == 0
    assert main(["evaluate", "--run", str(run), "--no-latency"]) == 0
    recipe = json.loads((run / "recipe.json").read_bytes())
    assert recipe["dataset"]["source"] == str((place / FOLDER).resolve())
    assert tuple(recipe["dataset"]["classes"]) == CLASSES
    evaluation = json.loads((run / "evaluations" / "float32-cpu.json").read_bytes())
    assert evaluation["dataset"]["name"] == recipe["dataset"]["name"] == "my-data-set-x"
    properties = {p.key: p.value for p in onnx.load(run / "model.onnx").metadata_props}
    assert list(CLASSES) in [json.loads(v) for v in properties.values() if v.startswith("[")]
    photo = str(Path(FOLDER) / "test" / CLASSES[0] / f"0 {PHOTO}")
    capsys.readouterr()
    assert main(["predict", "--run", str(run), photo, "--json"]) == 0
    (image,) = json.loads(capsys.readouterr().out)["images"]
    assert image["file"] == photo
    assert {found["class"] for found in image["predictions"]} == set(CLASSES)


def test_error_about_an_odd_name_is_one_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    (place / "bad\nset.npz").write_bytes(b"no archive")
    assert main(["datasets", "--prepare", "bad\nset.npz"]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "error: bad set.npz: not a readable .npz file: File is not a zip file"
