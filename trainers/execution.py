"""How a training is computed: threads, and whether the same run gives the same bits."""

import contextlib
import os
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from errors import UnusableError, UsageError

# Forward multiply-adds of a step that a thread must have to be worth its start and its wait.
MULTIPLY_ADDS_PER_THREAD = 3_000_000
CUBLAS_SETTING = "CUBLAS_WORKSPACE_CONFIG"


def thread_count(multiply_adds_of_step: int, cpus: int) -> int:
    """Return how many threads compute a step fastest: the more work, the more threads.

    A rule, and no measurement at the start of each training: the number of threads decides in which
    order sums run, so two runs of one recipe must not come to different ones.
    """
    return max(1, min(cpus, multiply_adds_of_step // MULTIPLY_ADDS_PER_THREAD))


@torch.no_grad()
def multiply_adds(network: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """Return the multiply-adds of one image's way through linear layers and convolutions.

    Counted by hooks: torch's FlopCounterMode sees every operation, but takes a second to load.
    """
    counts: list[int] = []

    def count(layer: nn.Module, _inputs: object, output: Tensor) -> None:
        assert isinstance(layer.weight, Tensor)
        counts.append(output.numel() * layer.weight[0].numel())

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    training = network.training
    network.eval()(torch.zeros((1, *image_shape), dtype=torch.uint8))
    network.train(training)
    for hook in hooks:
        hook.remove()
    return sum(counts)


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
