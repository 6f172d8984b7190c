import contextlib
import errno
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from artifacts.run_directory import RunDirectory
from errors import ArtifactError, UnfinishedError
from models.weights import write_weights
from tests.trainers.runs import train
from trainers.checkpoints import load_resume_state, save_resume_state


@contextlib.contextmanager
def no_file_larger_than(size_bytes: int) -> Iterator[None]:
    """Let the system refuse to write more, as it refuses on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_state_that_cannot_be_written_leaves_the_old_one_and_says_why(
    tiny_npz: Path, folder: Path
) -> None:
    run = RunDirectory(folder / "run")
    assert train(tiny_npz, run.root, epochs=1) == 0
    state, old = load_resume_state(run.resume), run.resume.read_bytes()
    with (
        no_file_larger_than(4096),
        pytest.raises(UnfinishedError, match=r"resume\.pt: cannot be written: File too large"),
    ):
        save_resume_state(run.resume, state)
    assert run.resume.read_bytes() == old
    assert not list(run.root.glob(".*"))


def test_weights_that_cannot_be_written_say_why(tmp_path: Path) -> None:
    with no_file_larger_than(4096), pytest.raises(OSError, match=os.strerror(errno.EFBIG)) as told:
        write_weights(tmp_path / "weights", {"weight": torch.zeros(10_000)})
    assert told.value.errno == errno.EFBIG


def test_state_in_whose_place_a_link_turns_in_a_circle_is_told(tmp_path: Path) -> None:
    path = tmp_path / "resume.pt"
    with pytest.raises(ArtifactError, match="nothing to resume: no such file"):
        load_resume_state(path)
    path.symlink_to(path.name)
    with pytest.raises(ArtifactError, match="Too many levels of symbolic links"):
        load_resume_state(path)
