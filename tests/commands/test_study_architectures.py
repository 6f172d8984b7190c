"""`study architectures`: each network its whole way, what is done again, what is refused."""

import json
import re
import shutil
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from artifacts.architecture_records import ArchitectureStudy
from artifacts.export_records import Export
from artifacts.json_records import read_record, write_record
from artifacts.logits import load_reference, save_reference
from commands.architecture_table import print_architectures
from commands.main import main
from models import build
from models.cost import multiply_adds
from report.architecture_advice import in_one_sentence
from untrusted.sealed_json import sealed

MODELS = ("logistic", "mlp")
ROOT = Path("runs/study-architectures")


def words(npz: Path, *options: str, models: Sequence[str] = MODELS) -> list[str]:
    fixed = ["--dataset", str(npz), "--batch-sizes", "1", "--epochs", "2"]
    return ["study", "architectures", "--models", ",".join(models), *fixed, *options]


@pytest.fixture(scope="module")
def made(tiny_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a study was made; shared, so never changed: copy it first."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(words(tiny_npz)) == 0
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to work in."""
    copy = tmp_path / "copy"
    shutil.copytree(made, copy)
    monkeypatch.chdir(copy)
    return copy


def trained(model: str) -> bytes:
    return (ROOT / model / "training.json").read_bytes()


def test_record_holds_what_the_runs_hold(folder: Path, tiny_npz: Path) -> None:
    study = read_record(ROOT / "study.json", ArchitectureStudy)
    assert [network.name for network in study.networks] == list(MODELS)
    assert (study.epochs, study.train_examples, study.val_examples) == (2, 180, 20)
    with np.load(tiny_npz) as arrays:
        labels_N = arrays["test_labels"]
    right = {}
    for network in study.networks:
        run = ROOT / network.run
        evaluation = json.loads((run / "evaluations" / "float32-cpu.json").read_text())
        assert network.accuracy.correct == evaluation["accuracy"]["correct"]
        assert [timing.batch_size for timing in network.evaluation.latency] == [1]
        assert network.training.checkpoint_sha256 == evaluation["model"]["checkpoint_sha256"]
        assert len(network.history) == 2
        classifier = build(network.name, num_classes=3, in_channels=1, image_size=(8, 8))
        assert network.multiply_adds == multiply_adds(classifier, (1, 8, 8))
        predicted_N = load_reference(run / "reference.npz").float32_NK.argmax(axis=1)
        assert evaluation["parity"]["flips"] == 0
        right[network.name] = predicted_N == labels_N
    (pair,) = study.pairs
    first, second = (right[name] for name in MODELS)
    assert pair.only_first == (first & ~second).sum()
    assert pair.only_second == (second & ~first).sum()
    assert in_one_sentence(study.advice) in (ROOT / "report.html").read_text()


def test_table_and_advice_are_printed_and_fit_a_terminal(
    folder: Path, tiny_npz: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    study = read_record(ROOT / "study.json", ArchitectureStudy)
    print_architectures(study)
    table, advice = capfd.readouterr().out.split("batches of 1:")
    lines = table.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    rows = [line.split() for line in lines if line.split()[:1] in (["logistic"], ["mlp"])]
    assert [(row[0], row[-1]) for row in rows] == [("logistic", "pass"), ("mlp", "pass")]
    assert [line.strip() for line in advice.strip().splitlines()] == [
        one.sentence for one in study.advice
    ]


def test_same_study_again_trains_nothing_and_prints_its_record(
    folder: Path, tiny_npz: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = [trained(model) for model in MODELS]
    (ROOT / "study.json").write_text("{")  # damaged: it is replaced
    assert main([*words(tiny_npz), "--json"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out) == json.loads((ROOT / "study.json").read_text())
    assert err.count("was trained before, by the same recipe") == 2
    assert [trained(model) for model in MODELS] == before


def test_another_recipe_trains_again_and_takes_the_place_of_the_earlier_study(
    folder: Path, tiny_npz: Path
) -> None:
    before = trained("logistic")
    other = ["--epochs", "1", "--subset", "0.5", "--seed", "1"]
    assert main(words(tiny_npz, *other, models=["logistic"])) == 0
    assert trained("logistic") != before
    study = read_record(ROOT / "study.json", ArchitectureStudy)
    assert [network.name for network in study.networks] == ["logistic"]
    assert (study.epochs, study.subset, study.seed, study.train_examples) == (1, 0.5, 1, 90)


def test_damaged_and_unfinished_runs_are_made_whole(
    folder: Path, tiny_npz: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    weights = {model: (ROOT / model / "weights.safetensors").read_bytes() for model in MODELS}
    (ROOT / "logistic" / "training.json").unlink()  # as if it was stopped
    (ROOT / "mlp" / "weights.safetensors").write_bytes(b"damaged")
    (ROOT / "mlp" / "model.onnx").write_bytes(b"damaged")
    assert main(words(tiny_npz)) == 0
    assert capfd.readouterr().err.count("going on after 2 epochs") == 2
    for model in MODELS:
        assert (ROOT / model / "weights.safetensors").read_bytes() == weights[model]


def test_failed_verdict_is_the_exit_code_and_the_network_is_not_taken(
    folder: Path, tiny_npz: Path
) -> None:
    # PyTorch's logits were others than those that ONNX Runtime gives, says a whole chain.
    reference = load_reference(ROOT / "mlp" / "reference.npz")
    other = replace(reference, float32_NK=1.5 * reference.float32_NK)
    sha256 = save_reference(ROOT / "mlp" / "reference.npz", other)
    export = read_record(ROOT / "mlp" / "export.json", Export)
    recorded = export.reference.model_copy(
        update={"sha256": sha256, "bytes": (ROOT / "mlp" / "reference.npz").stat().st_size}
    )
    write_record(ROOT / "mlp" / "export.json", export.model_copy(update={"reference": recorded}))
    assert main(words(tiny_npz)) == 1
    study = read_record(ROOT / "study.json", ArchitectureStudy)
    assert [network.passed for network in study.networks] == [True, False]
    assert {one.network for one in study.advice if one.take} == {"logistic"}
    assert "it is not proved" in (ROOT / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--models", "mlp,nope"], 2, "error: --models: unknown network 'nope'"),
        (["--epochs", "0"], 2, "error: --epochs: 0 is not in the range"),
        (["--subset", "0"], 2, "error: --subset: 0"),
        (["--output", ""], 2, "error: --output: wanted a directory's name"),
        (["--output", "a-run"], 2, "error: --output: a-run holds a run: name another one"),
        (["--output", "search"], 2, "error: --output: search holds a study of tune: name another"),
        (["--output", "file"], 2, "error: --output: "),
        (["--provider", "nothing"], 2, "error: --provider"),
        (["--models", "a/net.py:f,b/net.py:f"], 2, "error: --models: two networks would be called"),
        (["--dataset", "gone.npz"], 4, "error: gone.npz"),
    ],
)
def test_bad_input_is_told_in_one_line_before_anything_is_made(
    options: list[str],
    code: int,
    told: str,
    tiny_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        Path(name).mkdir()
        Path(name, "net.py").write_text("def f(num_classes, in_channels): ...\n")
    Path("a-run/evaluations").mkdir(parents=True)
    Path("search").mkdir()
    Path("search/study.json").write_text(json.dumps(sealed({"study": "tune"})))
    Path("file").write_text("")
    before = sorted(tmp_path.rglob("*"))
    assert main(words(tiny_npz, *options)) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(f"^{re.escape(told)}", err, flags=re.MULTILINE), err
    assert sorted(tmp_path.rglob("*")) == before


def test_several_processes_are_refused(
    tiny_npz: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(words(tiny_npz)) == 2
    assert "error: study architectures: runs in one process" in capsys.readouterr().err


def test_stopped_study_is_gone_on_with_by_the_same_command(
    tiny_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    def stop(*_: object) -> None:  # as a user does who has seen the first epoch
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr("commands.progress.TrainingProgress.on_epoch", stop)
        assert main(words(tiny_npz, models=["mlp"])) == 128 + signal.SIGTERM
    assert capfd.readouterr().err.endswith("hint: the same command goes on\n")
    assert not (ROOT / "study.json").exists()
    assert main(words(tiny_npz, models=["mlp"])) == 0
    assert "going on after 1 epochs" in capfd.readouterr().err
    study = read_record(ROOT / "study.json", ArchitectureStudy)
    assert [len(network.history) for network in study.networks] == [2]
