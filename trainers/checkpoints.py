"""Weights and resume state on disk, in formats that hold no code."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from errors import ArtifactError
from storage.writing import replacing
from trainers.resume_checks import MOST_THREADS
from trainers.sealed_archive import is_sealed, seal
from untrusted.files import is_there, require_file
from untrusted.memory import require_memory

StateDict = dict[str, Tensor]

_KINDS = {
    "recipe_json": str,
    "history_jsonl": str,
    "threads": int,
    "weights": dict,
    "average": dict,
    "optimizer": dict,
    "random": dict,
    "epoch": int,
    "batches": int,
    "loss_sums": Tensor,
    "correct": Tensor,
    "seconds": float,
    "best_epoch": int,
    "best_correct": int,
    "best_loss": float,
    "best_weights": dict,
}


@dataclass(frozen=True, kw_only=True)
class ResumeState:
    """All that training needs to go on from a step, in the order in which it is made.

    Attributes:
        recipe_json: what was begun.
        history_jsonl: the finished epochs.
        threads: of a process; with another number sums run in another order.
        weights: of the network.
        average: the averaged weights and how many steps went into them; empty where none are kept.
        optimizer: its state; the schedule follows from the position.
        random: states of torch's generators, the CPU's and the device's; for dropout, since
            everything else that is random follows from the seed and the position.
        epoch: number of the epoch that goes on.
        batches: steps taken in it.
        loss_sums: of its batches so far.
        correct: of its examples so far.
        seconds: spent in it.
        best_epoch: the epoch that validated best; 0 before the first has ended.
        best_correct: of the validation examples, then.
        best_loss: summed over the validation examples, then.
        best_weights: after that epoch.
    """

    recipe_json: str
    history_jsonl: str
    threads: int
    weights: StateDict
    average: StateDict
    optimizer: dict[str, Any]
    random: dict[str, Tensor]
    epoch: int
    batches: int
    loss_sums: Tensor
    correct: Tensor
    seconds: float
    best_epoch: int
    best_correct: int
    best_loss: float
    best_weights: StateDict


def save_resume_state(path: Path, state: ResumeState) -> None:
    """Replace the resume file by this state.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full.
    """
    with replacing(path) as temporary:
        try:
            with temporary.open("wb") as file:
                torch.save(vars(state), file)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):  # what went wrong: torch's own does not say
                raise error.__context__ from None
            raise
        seal(temporary)


def load_resume_state(path: Path) -> ResumeState:
    """Return the state that was saved last.

    Raises:
        ArtifactError: the file is missing, is not what was written, or is no such state.
        UnfinishedError: it takes more memory than there is.
    """
    if not is_there(path):
        raise ArtifactError(
            str(path), "nothing to resume: no such file", hint="start without --resume"
        )
    require_memory(str(path), require_file(path))
    # Before anything in it is looked at: a flipped bit could be one of a weight.
    if not is_sealed(path):
        raise _not_whole(path)
    try:
        return _checked(torch.load(path, map_location="cpu", weights_only=True))
    except MemoryError:
        raise
    except Exception:  # somebody made it, and sealed it
        # torch's own message advises to switch the safe loader off: it is not passed on.
        raise _not_whole(path) from None


def _checked(content: dict[str, Any]) -> ResumeState:
    """Return the state; what depends on the training is held against it where it is taken up."""
    state = ResumeState(**content)
    for name, kind in _KINDS.items():
        if type(getattr(state, name)) is not kind:
            raise TypeError(f"{name}: wanted {kind.__name__}")
    if not 1 <= state.threads <= MOST_THREADS:
        raise ValueError("threads are out of range")
    if not (math.isfinite(state.seconds) and state.seconds >= 0 and math.isfinite(state.best_loss)):
        raise ValueError("a number is not finite")
    return state


def _not_whole(path: Path) -> ArtifactError:
    return ArtifactError(
        str(path), "is not a whole resume state", hint="start again without --resume"
    )
