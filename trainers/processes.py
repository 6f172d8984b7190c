"""One training in several processes or on several machines, as `torchrun` starts them.

Each process takes its part of every global batch; gradients are averaged by torch's
DistributedDataParallel, and sums over examples are added up here. One process alone needs no group,
and everything here then does nothing.
"""

import contextlib
import gc
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from errors import UnfinishedError, UnusableError, UsageError
from models.devices import device_from_name

# A lost process closes its connections, which is seen at once; this is for a lost network.
TIMEOUT = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Processes:
    """Who takes part in a training, and which of them this process is."""

    rank: int
    count: int
    local_rank: int  # on this machine
    local_count: int
    device: torch.device

    @property
    def writes(self) -> bool:
        """Whether this process writes the run and speaks to the user."""
        return self.rank == 0

    @contextlib.contextmanager
    def first_on_each_machine(self) -> Iterator[None]:
        """Run the block in one process of each machine, then in the others."""
        if self.local_rank > 0:
            self._wait()
        yield
        if self.local_rank == 0:
            self._wait()

    def _wait(self) -> None:
        if self.count > 1:
            dist.barrier()

    def added(self, numbers: Tensor) -> Tensor:
        """Return the sum of the tensor over all processes."""
        if self.count > 1:
            dist.all_reduce(numbers)
        return numbers

    def any_of(self, *flags: bool) -> tuple[bool, ...]:
        """Return for each flag whether it is set in any process; all must ask at the same time."""
        if self.count == 1:
            return flags
        found = torch.tensor(flags, dtype=torch.int32, device=self.device)
        dist.all_reduce(found, op=dist.ReduceOp.MAX)
        return tuple(bool(flag) for flag in found.tolist())

    def in_parallel(self, network: nn.Module) -> nn.Module:
        """Return the network, averaging its gradients over the processes where there are several.

        Its batch normalization is changed in place, so that it sees the whole global batch.
        """
        if self.count == 1:
            return network
        from trainers.synchronized_norm import synchronize_batch_norms

        synchronize_batch_norms(network, self.device)
        device_ids = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=device_ids)


@contextlib.contextmanager
def processes_of(device_name: str) -> Iterator[Processes]:
    """Join the group that torchrun's environment names; alone where it names none.

    Raises:
        UsageError: PyTorch knows no device of that name; torchrun's variables are not numbers.
        UnusableError: the device does not work here; the other processes cannot be reached.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ and "WORLD_SIZE" not in os.environ:
        device = device_from_name(device_name)
        yield Processes(rank=0, count=1, local_rank=0, local_count=1, device=device)
        return
    rank, local_rank, count, local_count = (
        _number_from_torchrun(name)
        for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
    )
    device = device_from_name(device_name)
    if device.type == "cuda":  # each process of a machine has a GPU of its own
        device = device_from_name(f"cuda:{local_rank}")
        torch.cuda.set_device(device)
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UnusableError(
            "torchrun", f"the processes do not reach each other: {reason}"
        ) from error
    try:
        yield Processes(
            rank=rank, count=count, local_rank=local_rank, local_count=local_count, device=device
        )
        dist.barrier()  # whoever leaves early closes connections that others still use
    except RuntimeError as error:
        if not _is_about_connections(error):
            raise
        raise UnfinishedError(
            "training",
            "another of its processes was lost",
            hint="start all of them again with --resume",
        ) from error
    finally:
        gc.collect()  # a DistributedDataParallel that outlives its group aborts the process
        dist.destroy_process_group()


def _is_about_connections(error: RuntimeError) -> bool:
    # gloo has no exception of its own: its messages name its source files or the connection.
    text = str(error)
    return isinstance(error, dist.DistError) or "gloo" in text or "Connection closed" in text


def _number_from_torchrun(name: str) -> int:
    try:
        return int(os.environ[name])
    except (KeyError, ValueError):
        raise UsageError(
            name,
            f"wanted a number from torchrun, found {os.environ.get(name)!r}",
            hint="start with: torchrun --nproc-per-node 2 cli.py train ...",
        ) from None
