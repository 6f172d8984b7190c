"""Batch normalization in two processes against torch's own on the whole batch."""

import gc
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel

from trainers.batches import part_of
from trainers.synchronized_norm import SynchronizedBatchNorm2d, synchronize_batch_norms

SIZES = (7, 2, 1)  # of batches; one process has no part of the last


def network() -> nn.Sequential:
    torch.manual_seed(1)
    layers = [nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(6 * 9, 4))


def batch(size: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(size)
    images = torch.randn(size, 3, 5, 5, generator=random) * 3 + 1
    return images, torch.arange(size) % 4


def steps(trained: nn.Module, rank: int, processes: int) -> list[Tensor]:
    """Take a step's gradients for each batch and keep them; return this process' logits."""
    outputs = []
    for size in SIZES:
        images, labels = batch(size)
        part = part_of(size, rank, processes)
        rows = slice(part.start, part.stop)
        logits = trained(images[rows])
        loss = nn.functional.cross_entropy(logits, labels[rows], reduction="sum")
        (loss * processes / size).backward()  # type: ignore[no-untyped-call]
        outputs.append(logits.detach())
    trained.eval()
    outputs.append(trained(batch(7)[0]).detach())
    return outputs


def in_one_of_two_processes(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    torch.set_num_threads(1)
    together = network()
    synchronize_batch_norms(together, torch.device("cpu"))
    outputs = steps(DistributedDataParallel(together), rank, 2)
    gradients = [parameter.grad for parameter in together.parameters()]
    found = {"outputs": outputs, "gradients": gradients, "state": together.state_dict()}
    torch.save(found, f"{folder}/{rank}.pt")
    dist.barrier()  # whoever leaves early closes connections that the other still uses
    gc.collect()  # a DistributedDataParallel that outlives its group aborts the process
    dist.destroy_process_group()


def test_two_processes_normalize_as_one_does(tmp_path: Path) -> None:
    spawn(in_one_of_two_processes, (str(tmp_path),), nprocs=2)  # type: ignore[no-untyped-call]
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    alone = network()
    wanted = steps(alone, 0, 1)
    for number, whole in enumerate(wanted[:-1]):
        together = torch.cat([one["outputs"][number] for one in found])
        torch.testing.assert_close(together, whole, rtol=1e-4, atol=1e-5)
    for one in found:
        torch.testing.assert_close(one["outputs"][-1], wanted[-1], rtol=1e-4, atol=1e-5)
        for gradient, parameter in zip(one["gradients"], alone.parameters(), strict=True):
            torch.testing.assert_close(gradient, parameter.grad, rtol=1e-4, atol=1e-5)
        for name, tensor in alone.state_dict().items():
            torch.testing.assert_close(one["state"][name], tensor, rtol=1e-5, atol=1e-6)


def test_every_batch_normalization_is_replaced_and_shares_its_tensors() -> None:
    outer = nn.Sequential(network(), nn.BatchNorm2d(2))
    before = outer.state_dict(keep_vars=True)
    synchronize_batch_norms(outer, torch.device("cpu"))
    norms = [module for module in outer.modules() if isinstance(module, nn.BatchNorm2d)]
    assert [type(norm) for norm in norms] == [SynchronizedBatchNorm2d] * 2
    after = outer.state_dict(keep_vars=True)
    assert after.keys() == before.keys()
    assert all(after[name] is tensor for name, tensor in before.items())
