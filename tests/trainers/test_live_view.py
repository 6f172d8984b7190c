import builtins
import signal
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from artifacts.run_directory import RunDirectory
from tests.trainers.runs import LONG, history, stop_at, train


def scalars(run: RunDirectory) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(run.tensorboard))
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_event_files_hold_the_history_and_a_new_training_replaces_the_old(
    tiny_npz: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDirectory(folder / "run")
    for seed in ("0", "1"):
        assert train(tiny_npz, run.root, "--tensorboard", "--seed", seed, epochs=3) == 0
        written = scalars(run)
        for tag, key in (("loss/train", "train_loss"), ("accuracy/validation", "val_accuracy")):
            wanted = [(epoch["epoch"], epoch[key]) for epoch in history(run)]
            assert np.array(written[tag]) == pytest.approx(np.array(wanted))
    assert f"tensorboard --logdir {run.tensorboard}" in capsys.readouterr().out


def test_event_files_hold_each_epoch_once_after_a_stop(
    tiny_npz: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory(folder / "run")
    with monkeypatch.context() as patch:
        stop_at(5, 2, patch, signal.SIGTERM)
        assert train(tiny_npz, run.root, *LONG, "--tensorboard", epochs=3) == 143
    assert train(tiny_npz, run.root, *LONG, "--tensorboard", "--resume", epochs=3) == 0
    for tag, key in (("loss/train", "train_loss"), ("learning_rate", "learning_rate")):
        wanted = [(epoch["epoch"], epoch[key]) for epoch in history(run)]
        assert np.array(scalars(run)[tag]) == pytest.approx(np.array(wanted))


def test_missing_tensorboard_is_told_before_the_training(
    tiny_npz: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    load = builtins.__import__

    def without(name: str, *arguments: object, **more: object) -> object:
        if name.startswith("torch.utils.tensorboard"):
            raise ModuleNotFoundError(name)
        return load(name, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    assert train(tiny_npz, folder / "run", "--tensorboard") == 2
    assert "hint: python -m pip install tensorboard" in capsys.readouterr().err
    assert not (folder / "run" / "resume.pt").exists()
