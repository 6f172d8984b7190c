"""Batch normalization in two processes against torch's own on the whole batch."""

from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel

from trainers.batches import part_of
from trainers.synchronized_norm import SynchronizedBatchNorm2d, synchronize_batch_norms

EXAMPLES = 7


def network() -> nn.Sequential:
    torch.manual_seed(1)
    layers = [nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(6 * 9, 4))


def batch() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    images = torch.randn(EXAMPLES, 3, 5, 5, generator=random) * 3 + 1
    return images, torch.arange(EXAMPLES) % 4


def step(trained: nn.Module, rows: slice, weight: float) -> None:
    images, labels = batch()
    loss = nn.functional.cross_entropy(trained(images[rows]), labels[rows])
    (loss * weight).backward()  # type: ignore[no-untyped-call]


def in_one_of_two_processes(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    torch.set_num_threads(1)
    together = network()
    synchronize_batch_norms(together, torch.device("cpu"))
    part = part_of(EXAMPLES, rank, 2)
    step(DistributedDataParallel(together), slice(part.start, part.stop), len(part) * 2 / EXAMPLES)
    if rank == 0:
        torch.save(
            {
                "gradients": [parameter.grad for parameter in together.parameters()],
                "state": together.state_dict(),
            },
            f"{folder}/result.pt",
        )
    dist.destroy_process_group()


def test_two_processes_normalize_as_one_does(tmp_path: Path) -> None:
    spawn(in_one_of_two_processes, (str(tmp_path),), nprocs=2)  # type: ignore[no-untyped-call]
    found = torch.load(tmp_path / "result.pt", weights_only=True)
    alone = network()
    step(alone, slice(None), 1.0)
    for gradient, parameter in zip(found["gradients"], alone.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-4, atol=1e-6)
    for name, tensor in alone.state_dict().items():
        torch.testing.assert_close(found["state"][name], tensor, rtol=1e-5, atol=1e-6)


def test_every_batch_normalization_is_replaced_and_shares_its_tensors() -> None:
    outer = nn.Sequential(network(), nn.BatchNorm2d(2))
    before = outer.state_dict(keep_vars=True)
    synchronize_batch_norms(outer, torch.device("cpu"))
    norms = [module for module in outer.modules() if isinstance(module, nn.BatchNorm2d)]
    assert [type(norm) for norm in norms] == [SynchronizedBatchNorm2d] * 2
    after = outer.state_dict(keep_vars=True)
    assert after.keys() == before.keys()
    assert all(after[name] is tensor for name, tensor in before.items())
