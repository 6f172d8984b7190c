import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from artifacts.files import sha256_of_file
from artifacts.logits import load_reference, save_reference
from commands.main import main
from untrusted.sealed_json import sealed

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def run(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def links(capsys: Capture, run: Path, *options: str, code: int = 0) -> dict[str, bool | None]:
    assert main(["verify", str(run), "--json", *options]) == code
    document = json.loads(capsys.readouterr().out)
    assert document["intact"] is (code == 0)
    return {link["name"]: link["holds"] for link in document["links"]}


def test_whole_run_is_verified_down_to_its_dataset(run: Path, capsys: Capture) -> None:
    found = links(capsys, run)
    names = "recipe.json weights.safetensors history.jsonl model.onnx reference.npz dataset"
    assert found == dict.fromkeys(names.split(), True) | {"PyTorch of now": True}
    assert "PyTorch of now" not in links(capsys, run, "--no-recompute")
    assert main(["verify", str(run)]) == 0
    assert "model.onnx           holds, as export.json says" in capsys.readouterr().out


def test_broken_link_is_exit_4_with_its_name(run: Path, capsys: Capture) -> None:
    (run / "model.onnx").write_bytes(b"")
    found = links(capsys, run, code=4)
    assert found["model.onnx"] is False
    assert found["reference.npz"] is True
    assert main(["verify", str(run)]) == 4
    told = capsys.readouterr()
    assert "one link broken, first model.onnx" in told.err
    assert "BROKEN" in told.out


def test_reference_that_pytorch_does_not_give_is_found(run: Path, capsys: Capture) -> None:
    reference = load_reference(run / "reference.npz")
    changed = np.array(reference.float32_NK)
    changed[5, 1] += 0.01
    sha256 = save_reference(
        run / "reference.npz", type(reference)(**{**vars(reference), "float32_NK": changed})
    )
    record = json.loads((run / "export.json").read_text())
    record["reference"]["sha256"] = sha256
    (run / "export.json").write_text(json.dumps(sealed(record)))
    assert sha256 == sha256_of_file(run / "reference.npz")
    found = links(capsys, run, code=4)
    assert found["reference.npz"] is True
    assert found["PyTorch of now"] is False


def test_dataset_that_changed_is_found(
    run: Path, tiny_npz: Path, tmp_path: Path, capsys: Capture
) -> None:
    with np.load(tiny_npz) as arrays:
        changed = dict(arrays)
    changed["test_images"][3, 0, 0, 0] ^= 1
    np.savez(tmp_path / "other.npz", **changed)
    found = links(capsys, run, "--dataset", str(tmp_path / "other.npz"), code=4)
    assert found["dataset"] is False
    assert found["model.onnx"] is True


def test_run_that_is_not_there_is_exit_4(tmp_path: Path, capsys: Capture) -> None:
    assert main(["verify", str(tmp_path / "none")]) == 4
    assert "no such run directory" in capsys.readouterr().err
