from pathlib import Path

import pytest

from artifacts.export_records import Export, ExternalData, Variant
from artifacts.json_records import read_record
from artifacts.own_graphs import is_own, note_own
from artifacts.run_directory import RunDirectory


@pytest.fixture
def exported(evaluated_run: Path) -> dict[str, Variant]:
    """The variants of a run that was exported here, in float32 and INT8."""
    return dict(read_record(RunDirectory(evaluated_run).export, Export).variants)


def test_every_variant_that_export_wrote_is_its_users_own(exported: dict[str, Variant]) -> None:
    assert set(exported) == {"float32", "int8"}
    assert all(is_own(variant) for variant in exported.values())


def test_graph_or_weights_that_export_did_not_write_are_not(exported: dict[str, Variant]) -> None:
    variant = exported["float32"]
    assert not is_own(variant.model_copy(update={"onnx_sha256": "0" * 64}))
    weights = ExternalData(file="model.onnx.data", sha256="1" * 64, bytes=9)
    large = variant.model_copy(update={"external_data": weights})
    assert not is_own(large)
    note_own(large)
    assert is_own(large)
    others = weights.model_copy(update={"sha256": "2" * 64})
    assert not is_own(large.model_copy(update={"external_data": others}))


def test_what_one_user_exported_is_not_anothers(
    exported: dict[str, Variant], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert not any(is_own(variant) for variant in exported.values())


def test_export_that_cannot_be_noted_is_no_error(
    exported: dict[str, Variant], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    note_own(exported["float32"])
    assert not is_own(exported["float32"])
