import json
from pathlib import Path

import pytest

from artifacts.chain import exported_network, trained_network
from artifacts.export_records import Export, ExternalData
from artifacts.files import sha256_of_file
from artifacts.json_records import read_record, write_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Training
from errors import ArtifactError
from tests.artifacts.conftest import RECIPE, HandMadeRun
from untrusted.sealed_json import sealed


def refusal_of_export(run: RunDirectory, precision: str = "float32") -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        exported_network(run, precision)
    return caught.value


def test_chain_holds_when_nothing_was_changed(hand_made: HandMadeRun) -> None:
    exported = exported_network(hand_made.directory, "float32")
    assert exported.onnx == hand_made.directory.root / "model.onnx"
    assert exported.variant.onnx_sha256 == sha256_of_file(exported.onnx)
    assert exported.reference.sha256 == sha256_of_file(hand_made.directory.reference)
    assert exported.trained == trained_network(hand_made.directory)
    assert exported.trained.model == RECIPE.model


@pytest.mark.parametrize("link", ["recipe", "weights"])
def test_training_is_refused_by_file_when_its_link_is_changed(
    hand_made: HandMadeRun, link: str
) -> None:
    path: Path = getattr(hand_made.directory, link)
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(ArtifactError, match=r"training\.json speaks of") as caught:
        trained_network(hand_made.directory)
    assert caught.value.subject == str(path)
    assert sha256_of_file(path)[:12] in caught.value.problem
    assert refusal_of_export(hand_made.directory).subject == str(path)


@pytest.mark.parametrize("name", ["model.onnx", "reference.npz"])
def test_export_is_refused_by_file_when_its_link_is_changed(
    hand_made: HandMadeRun, name: str
) -> None:
    path = hand_made.directory.root / name
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    refusal = refusal_of_export(hand_made.directory)
    assert refusal.subject == str(path)
    assert "export.json speaks of" in refusal.problem
    assert trained_network(hand_made.directory).dataset == RECIPE.dataset


def test_reference_of_another_size_is_refused_before_it_is_hashed(hand_made: HandMadeRun) -> None:
    run = hand_made.directory
    export = read_record(run.export, Export)
    size = run.reference.stat().st_size
    reference = export.reference.model_copy(update={"bytes": size})
    write_record(run.export, export.model_copy(update={"reference": reference}))
    exported_network(run, "float32")
    with run.reference.open("r+b") as file:
        file.truncate(8 << 40)
    assert f"({size:,} bytes wanted, 8,796,093,022,208 found)" in refusal_of_export(run).problem


@pytest.mark.parametrize("name", ["recipe.json", "weights.safetensors"])
def test_training_is_refused_by_file_when_it_is_missing(hand_made: HandMadeRun, name: str) -> None:
    path = hand_made.directory.root / name
    path.unlink()
    with pytest.raises(ArtifactError, match="no such file") as caught:
        trained_network(hand_made.directory)
    assert caught.value.subject == str(path)


@pytest.mark.parametrize("name", ["model.onnx", "reference.npz"])
def test_export_is_refused_by_file_when_it_is_missing(hand_made: HandMadeRun, name: str) -> None:
    path = hand_made.directory.root / name
    path.unlink()
    refusal = refusal_of_export(hand_made.directory)
    assert (refusal.subject, refusal.problem) == (str(path), "no such file")


@pytest.mark.parametrize(
    ("name", "problem"),
    [("training.json", "no finished training here"), ("export.json", "no exported network here")],
)
def test_run_is_refused_with_the_command_to_make_it_when_its_record_is_missing(
    hand_made: HandMadeRun, name: str, problem: str
) -> None:
    (hand_made.directory.root / name).unlink()
    refusal = refusal_of_export(hand_made.directory)
    assert (refusal.subject, refusal.problem) == (str(hand_made.directory.root), problem)
    assert refusal.hint
    assert "cli.py" in refusal.hint


@pytest.mark.parametrize("name", ["training.json", "export.json"])
def test_run_is_refused_by_file_when_its_record_is_damaged(
    hand_made: HandMadeRun, name: str
) -> None:
    path = hand_made.directory.root / name
    path.write_bytes(path.read_bytes()[:-10])
    assert refusal_of_export(hand_made.directory).subject == str(path)


def test_run_is_refused_when_there_is_no_such_directory(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="nowhere: no such run directory"):
        trained_network(RunDirectory(tmp_path / "nowhere"))


def test_old_export_is_refused_when_the_network_was_trained_again(hand_made: HandMadeRun) -> None:
    hand_made.train(b"better weights")
    refusal = refusal_of_export(hand_made.directory)
    assert refusal.subject == str(hand_made.directory.root / "model.onnx")
    assert "other weights than weights.safetensors now holds" in refusal.problem
    assert str(refusal.hint).endswith(f"--run={hand_made.directory.root}")
    hand_made.export()
    assert exported_network(hand_made.directory, "float32").trained.model == RECIPE.model


def test_reference_is_refused_when_it_is_of_other_weights(hand_made: HandMadeRun) -> None:
    export = hand_made.export()
    of_others = export.reference.model_copy(update={"checkpoint_sha256": "0" * 64})
    write_record(hand_made.directory.export, export.model_copy(update={"reference": of_others}))
    refusal = refusal_of_export(hand_made.directory)
    assert refusal.subject == str(hand_made.directory.reference)
    assert "other weights" in refusal.problem


def test_weights_beside_the_onnx_file_are_a_link_of_the_chain(hand_made: HandMadeRun) -> None:
    run, export = hand_made.directory, hand_made.export()
    weights = run.root / "model.onnx.data"
    weights.write_bytes(b"weights of two gigabytes")
    beside = ExternalData(file=weights.name, sha256=sha256_of_file(weights), bytes=24)
    variant = export.variants["float32"].model_copy(update={"external_data": beside})
    write_record(run.export, export.model_copy(update={"variants": {"float32": variant}}))
    assert exported_network(run, "float32").variant.external_data == beside
    weights.write_bytes(b"weights of three gigabytes")
    refusal = refusal_of_export(run)
    assert refusal.subject == str(weights)
    assert "export.json speaks of" in refusal.problem
    weights.unlink()
    refusal = refusal_of_export(run)
    assert (refusal.subject, refusal.problem) == (str(weights), "no such file")


def test_record_from_before_there_were_weights_beside_is_read(hand_made: HandMadeRun) -> None:
    path = hand_made.directory.export
    record = json.loads(path.read_text())
    assert record["variants"]["float32"].pop("external_data") is None
    path.write_text(json.dumps(sealed(record)))
    assert exported_network(hand_made.directory, "float32").variant.external_data is None


def test_unknown_precision_is_refused_with_the_exported_ones(hand_made: HandMadeRun) -> None:
    refusal = refusal_of_export(hand_made.directory, "int8")
    assert refusal.subject == str(hand_made.directory.export)
    assert refusal.problem == "no variant 'int8': found float32"


def test_recipe_of_another_schema_is_refused_when_the_hashes_hold(hand_made: HandMadeRun) -> None:
    run = hand_made.directory
    run.recipe.write_text(json.dumps(sealed(RECIPE.to_dict() | {"schema": 2})))
    training = read_record(run.training, Training)
    now = {"recipe_sha256": sha256_of_file(run.recipe)}
    write_record(run.training, training.model_copy(update=now))
    with pytest.raises(ArtifactError, match=r"recipe\.json: not a valid Recipe: schema: "):
        trained_network(run)
