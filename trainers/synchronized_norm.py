"""Batch normalization over the global batch, where several processes each see a part of it."""

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx


class SynchronizedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalization with the mean and variance of all processes' examples.

    What torch.nn.SyncBatchNorm does on GPUs, for those devices it does not know: CPUs.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Return the normalized images_NCHW."""
        if not self.training:
            return super().forward(images)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        values = images.float()
        count = torch.tensor(values.numel() / values.shape[1])
        # Two passes: the mean of squares less the squared mean would lose digits.
        total = _sum_over_processes(count)
        mean = _sum_over_processes(values.sum(dim=(0, 2, 3))) / total
        centered = values - mean[:, None, None]
        variance = _sum_over_processes(centered.square().sum(dim=(0, 2, 3))) / total
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (total / (total - 1)), self.momentum)
        scale = self.weight / torch.sqrt(variance + self.eps)
        result = centered * scale[:, None, None] + self.bias[:, None, None]
        return result.to(images.dtype)


def synchronize_batch_norms(network: nn.Module, device: torch.device) -> None:
    """Replace the network's batch normalizations by synchronized ones with the same tensors."""
    for name, child in network.named_children():
        if not isinstance(child, nn.BatchNorm2d):
            synchronize_batch_norms(child, device)
            continue
        synchronized: nn.Module
        if device.type == "cuda":
            synchronized = nn.SyncBatchNorm.convert_sync_batchnorm(child)  # type: ignore[no-untyped-call]
        else:
            synchronized = SynchronizedBatchNorm2d(
                child.num_features, eps=child.eps, momentum=child.momentum
            )
            synchronized._parameters = child._parameters
            synchronized._buffers = child._buffers
        setattr(network, name, synchronized)


def _sum_over_processes(numbers: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(numbers)
    return total


class _Sum(torch.autograd.Function):
    """A sum over processes: every process' result depends on every process' input."""

    @staticmethod
    def forward(ctx: FunctionCtx, numbers: Tensor) -> Tensor:
        total = numbers.detach().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total
