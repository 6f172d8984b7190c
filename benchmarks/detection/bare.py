"""The file that people make of a network with nothing but `torch.onnx.export`."""

from pathlib import Path

import torch
from torch import Tensor, nn

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
    images = torch.zeros((2, *shape), dtype=dtype)
    program = bare_program(network, images, input_name=input_name, fixed_batch=fixed_batch)
    program.save(path, external_data=False)


def bare_program(
    network: nn.Module, images: Tensor, *, input_name: str = INPUT, fixed_batch: bool = False
) -> torch.onnx.ONNXProgram:
    """Return the graph before it is written, with the images that it was made with.

    Args:
        network: what it computes.
        images: two, images_NCHW.
        input_name: of the images.
        fixed_batch: it takes two images at once, and no other number.
    """
    program = torch.onnx.export(
        network.eval(),
        (images,),
        dynamo=True,
        dynamic_shapes=None if fixed_batch else ({0: torch.export.Dim("batch_size")},),
        input_names=[input_name],
        output_names=[OUTPUT],
        verbose=False,
    )
    assert program is not None  # dynamo's always is
    return program
