from pathlib import Path

import pytest
import torch

from artifacts.run_directory import RunDirectory
from data import Dataset, load_dataset
from tests.trainers.test_plan import planned
from trainers.checkpoints import save_resume_state
from trainers.processes import processes_of
from trainers.progress import Progress, started_progress
from trainers.size import OTHER_BYTES, bytes_to_write, resume_bytes


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", data_dir=None)


def after_a_step(digits: Dataset, settings: dict[str, object]) -> Progress:
    """A training whose optimizer has made what it keeps."""
    with processes_of("cpu") as processes:
        progress = started_progress(planned(digits, settings)[0], processes, compiled=False)
    trainee = progress.trainee
    for parameter in trainee.classifier.parameters():
        parameter.grad = torch.zeros_like(parameter)
    trainee.optimizer.step()
    progress.best_weights = dict(trainee.classifier.state_dict())
    return progress


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "sgd", "momentum": 0.0, "weight_averaging": 0.0},
        {"optimizer": "sgd", "momentum": 0.9, "weight_averaging": 0.0},
        {"optimizer": "adam", "weight_averaging": 0.0},
        {"optimizer": "adamw", "weight_averaging": 0.9},
    ],
)
def test_what_is_foreseen_is_what_is_written(
    settings: dict[str, object], digits: Dataset, tmp_path: Path
) -> None:
    progress = after_a_step(digits, settings)
    run = RunDirectory(tmp_path)
    foreseen, before = resume_bytes(progress), bytes_to_write(progress, run)
    save_resume_state(run.resume, progress.resume_state(threads=1))
    written = run.resume.stat().st_size
    assert foreseen > 100_000
    # The random state and the headers of zip are not foreseen.
    assert foreseen < written < foreseen + 40_000
    assert before == 2 * foreseen + OTHER_BYTES
    assert bytes_to_write(progress, run) == foreseen + OTHER_BYTES  # one is there already
