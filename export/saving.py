"""A graph to disk: one file, or where its weights are too many for that, a second one with them."""

from collections.abc import Mapping
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from artifacts.export_records import ExternalData
from artifacts.files import sha256_of_file

PROTOBUF_LIMIT_BYTES = 2**31 - 1  # of one message, which an ONNX file is
GRAPH_BYTES = 64 << 20  # room for all but the weights; ResNet-101's nodes and names take 1 MB

NODE_BYTES = 1 << 20  # nodes, names and records of most networks
FREE_SPACE = "free some space on that disk"


def graph_bytes(network: nn.Module) -> int:
    """Return about how many bytes the network's graph takes on the disk: those of its weights."""
    weights: Mapping[str, Tensor] = network.state_dict()
    return sum(tensor.nbytes for tensor in weights.values()) + NODE_BYTES


def save_graph(program: torch.onnx.ONNXProgram, path: Path) -> None:
    """Write the graph to `path`, and its weights beside it where they do not fit into one file.

    The second file has the first one's name and `.data`, which the first one names. It is written
    from the network's own tensors, one by one, so that memory holds the weights once.

    Raises:
        OSError: the disk is full, or the directory cannot be written.
    """
    weights = program.model.graph.initializers.values()
    size = sum(weight.const_value.nbytes for weight in weights if weight.const_value is not None)
    if size + GRAPH_BYTES > PROTOBUF_LIMIT_BYTES:
        program.save(path, external_data=True)
    else:
        onnx.save_model(program.model_proto, path)


def external_data_record(data: Path) -> ExternalData | None:
    """Return the record of a variant's weights beside its ONNX file; None where it has none."""
    if not data.exists():
        return None
    return ExternalData(file=data.name, sha256=sha256_of_file(data), bytes=data.stat().st_size)
