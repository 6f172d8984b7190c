"""Runs that somebody else made, whose graphs are tried before they are opened here."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

from artifacts.chain import ExportedNetwork, exported_network
from artifacts.export_records import ExternalData
from artifacts.logits import Images
from artifacts.run_directory import RunDirectory
from errors import ArtifactError, UnfinishedError
from evaluate import foreign, providers
from evaluate.foreign import require_tried
from evaluate.graph_input import InputOptions
from evaluate.session_options import SessionOptions
from tests.evaluate import hostile_files as hostile
from tests.evaluate.strangers import strangers_run
from untrusted.child import result_in_child

IMAGES = np.zeros((2, 1, 8, 8), np.uint8)


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were tried, each by a child process."""
    tried: list[str] = []

    def noted(function: str, arguments: dict[str, object], limits: object) -> object:
        tried.append(Path(str(arguments["onnx"])).name)
        return result_in_child(function, arguments, limits)  # type: ignore[arg-type]

    monkeypatch.setattr(foreign, "result_in_child", noted)
    return tried


def opened(run: Path, directory: Path, model: ModelProto) -> ExportedNetwork:
    return exported_network(strangers_run(run, directory, model), "float32")


def require(exported: ExportedNetwork, images: Images | None = IMAGES) -> None:
    require_tried(exported, InputOptions(layout="nchw"), SessionOptions(), images)


def test_graph_that_this_users_export_wrote_is_not_tried(
    finished_run: Path, trials: list[str]
) -> None:
    require(exported_network(RunDirectory(finished_run), "float32"))
    assert trials == []


def test_graph_that_passed_is_tried_again_only_on_other_terms(
    finished_run: Path, tmp_path: Path, trials: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = opened(finished_run, tmp_path / "run", hostile.flat_logits())
    for _ in range(2):
        require(exported)
    assert trials == ["model.onnx"]
    require(exported, None)
    assert len(trials) == 2
    monkeypatch.setattr(providers, "ONNX_RUNTIME_VERSION", "9.9.9")
    require(exported, None)
    assert len(trials) == 3


def test_graph_is_tried_every_time_where_nothing_can_be_noted(
    finished_run: Path, tmp_path: Path, trials: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    exported = opened(finished_run, tmp_path / "run", hostile.flat_logits())
    for _ in range(2):
        require(exported)
    assert len(trials) == 2


def test_graph_that_crashes_is_told_and_never_counts_as_tried(
    finished_run: Path, tmp_path: Path, trials: list[str]
) -> None:
    exported = opened(finished_run, tmp_path / "run", hostile.division_by_zero())
    for _ in range(2):
        with pytest.raises(UnfinishedError) as caught:
            require(exported)
        assert str(caught.value) == f"{exported.onnx}: crashed (SIGFPE) when it was first run"
    assert len(trials) == 2


def test_weights_of_another_file_than_the_record_says_are_refused(
    finished_run: Path, tmp_path: Path
) -> None:
    exported = opened(finished_run, tmp_path / "run", hostile.flat_logits(ir_version=9))
    weights = ExternalData(file="model.onnx.data", sha256="1" * 64, bytes=9)
    variant = exported.variant.model_copy(update={"external_data": weights})
    with pytest.raises(ArtifactError, match="has not the weights, that its run's record speaks of"):
        require(replace(exported, variant=variant))
