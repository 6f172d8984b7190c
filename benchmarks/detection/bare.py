"""The file that people make of a network with nothing but `torch.onnx.export`."""

from pathlib import Path

import torch
from torch import nn

INPUT, OUTPUT = "pixel_values", "logits"  # the names that Optimum wants


def bare_export(
    network: nn.Module,
    shape: tuple[int, int, int],
    path: Path,
    *,
    dtype: torch.dtype = torch.float32,
    input_name: str = INPUT,
    fixed_batch: bool = False,
) -> None:
    """Write a graph of images [batch, C, H, W] to logits.

    Args:
        network: what it computes.
        shape: (C, H, W).
        path: of the file.
        dtype: of the images: float32 where they are normalized, uint8 where the graph does that.
        input_name: of the images.
        fixed_batch: it takes two images at once, and no other number.
    """
    torch.onnx.export(
        network.eval(),
        (torch.zeros((2, *shape), dtype=dtype),),
        path,
        dynamo=True,
        dynamic_shapes=None if fixed_batch else ({0: torch.export.Dim("batch_size")},),
        input_names=[input_name],
        output_names=[OUTPUT],
        external_data=False,
        verbose=False,
    )
