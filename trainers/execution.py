"""How a training is computed: threads, and whether the same run gives the same bits."""

import contextlib
import os
from collections.abc import Iterator

import torch

from artifacts.environment import usable_cpus
from artifacts.training_records import Recipe
from errors import UnusableError, UsageError
from models import build
from models.cost import multiply_adds
from models.user_code import told_by_line
from trainers.processes import Processes

# Forward multiply-adds of a step that a thread must have to be worth its start and its wait.
MULTIPLY_ADDS_PER_THREAD = 3_000_000
CUBLAS_SETTING = "CUBLAS_WORKSPACE_CONFIG"


def thread_count(multiply_adds_of_step: int, cpus: int) -> int:
    """Return how many threads compute a step fastest: the more work, the more threads.

    A rule, and no measurement at the start of each training: the number of threads decides in which
    order sums run, so two runs of one recipe must not come to different ones.
    """
    return max(1, min(cpus, multiply_adds_of_step // MULTIPLY_ADDS_PER_THREAD))


def threads_for(recipe: Recipe, processes: Processes) -> int:
    """Return how many threads each process of a training computes with, unless the user says so."""
    cpus = usable_cpus() // processes.local_count
    if processes.device.type != "cpu":
        return max(1, cpus)
    network = build(**recipe.model.model_dump())
    images = recipe.hyperparameters.batch_size / processes.count
    with told_by_line(recipe.model.name):
        work = int(images * multiply_adds(network, recipe.dataset.image_shape))
    return thread_count(work, cpus)


@contextlib.contextmanager
def compiler_errors_told() -> Iterator[None]:
    """Tell in one line why torch.compile does not work here.

    Raises:
        UnusableError: no compiler, say, or a network that it cannot take.
    """
    try:
        yield
    except RuntimeError as error:
        from torch._dynamo.exc import TorchDynamoException

        if not isinstance(error, TorchDynamoException):
            raise
        cause = getattr(error, "inner_exception", error)  # what the compiler itself raised
        reason = str(cause).strip().splitlines()[0]
        raise UnusableError("--compile", reason, hint="train without --compile") from error


def set_determinism(deterministic: bool, device: torch.device) -> None:
    """Let torch use only operations that give the same bits each time, or any.

    Raises:
        UsageError: cuBLAS was already told otherwise.
    """
    if deterministic and device.type == "cuda":
        # Read by cuBLAS when it starts (its documentation, "Results reproducibility").
        found = os.environ.setdefault(CUBLAS_SETTING, ":4096:8")
        if found not in (":4096:8", ":16:8"):
            raise UsageError(
                "--deterministic",
                f"wanted {CUBLAS_SETTING}=:4096:8 in the environment, found {found}",
                hint=f"unset {CUBLAS_SETTING}, or train with --no-deterministic",
            )
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = not deterministic
    # Filling fresh memory with NaN finds reads of it, which here would only cost time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
