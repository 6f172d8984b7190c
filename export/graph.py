"""A trained classifier to an ONNX graph that carries its own preprocessing."""

import itertools
import json
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from artifacts.chain import TrainedNetwork
from artifacts.environment import installed_versions
from artifacts.training_records import ModelSpec
from errors import UsageError
from export.failures import export_failure, fixed_batch_failure, output_failure
from export.quiet import quiet

INPUT, LOGITS, PROBABILITIES = "images", "logits", "probabilities"
BATCH = "batch"  # the name of the dynamic dimension
TRACED_BATCH_SIZE = 2  # not 1, which the exporter would take for a constant


class _WithProbabilities(nn.Module):
    """Adds the softmax of the logits as a second output."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits_NK and probabilities_NK."""
        logits_NK = self.classifier(images)
        return logits_NK, torch.softmax(logits_NK, dim=1)


def graph_from_classifier(
    classifier: nn.Module,
    trained: TrainedNetwork,
    *,
    opset: int,
    probabilities: bool,
) -> torch.onnx.ONNXProgram:
    """Return the ONNX graph: uint8 `images` [batch, C, H, W] in, float32 `logits` [batch, K] out.

    Made by torch's dynamo exporter in evaluation mode, with a dynamic batch. Its metadata names
    the classes, the dataset, the checkpoint's sha256 and the versions. The exporter's stack traces
    are taken out, since they name this machine's paths; the module paths stay. Its weights are the
    classifier's own tensors, not copies.

    Raises:
        UnfinishedError: the network cannot be exported.
        UsageError: the exporter could not make the opset that was asked for.
    """
    program = traced_program(classifier, trained.model, opset=opset, probabilities=probabilities)
    made = program.model.opset_imports[""]
    if made != opset:
        raise UsageError("--opset", f"{opset} cannot be made from this network: got {made}")
    _remove_stack_traces(program)
    program.model.metadata_props.clear()
    program.model.metadata_props.update(_metadata(trained))
    return program


def traced_program(
    classifier: nn.Module, model: ModelSpec, *, opset: int, probabilities: bool
) -> torch.onnx.ONNXProgram:
    """Return the classifier as torch's dynamo exporter traced and translated it.

    Raises:
        UnfinishedError: the network cannot be exported; says why, and at which line of its code.
    """
    classifier.eval()
    module = _WithProbabilities(classifier) if probabilities else classifier
    height, width = model.image_size
    images = torch.zeros((TRACED_BATCH_SIZE, model.in_channels, height, width), dtype=torch.uint8)
    try:
        # Attention as plain products: the memory layout of the fused kernels' output, which the
        # trace would rely on, is not that of what the exporter puts in their place (timm's BEiT).
        with quiet(), sdpa_kernel(SDPBackend.MATH):
            program = torch.onnx.export(
                module,
                (images,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim(BATCH)},),
                input_names=[INPUT],
                output_names=[LOGITS, PROBABILITIES] if probabilities else [LOGITS],
                opset_version=opset,
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # the network's own code may raise anything
        raise export_failure(model.name, classifier, error) from error
    assert program is not None  # it is None only where a file was asked for
    _require_logits(program, classifier, model, images, 1 + probabilities)
    return program


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of the standard operator set that the model imports."""
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    return int(max(versions))


def _require_logits(
    program: torch.onnx.ONNXProgram,
    classifier: nn.Module,
    model: ModelSpec,
    images: Tensor,
    wanted: int,
) -> None:
    """Refuse what the exporter made of a network that is no classifier of any number of images.

    Where the network's code fixes the batch size, the exporter fixes it too and says nothing.
    """
    inputs, outputs = program.model.graph.inputs, program.model.graph.outputs
    if isinstance(_shape(inputs[0])[0], int):
        with quiet():
            failure = fixed_batch_failure(model.name, classifier, images)
        raise failure
    assert program.exported_program is not None
    returned = program.exported_program.call_spec.out_spec
    if len(outputs) != wanted or (wanted == 1 and not returned.is_leaf()):
        kind = "nothing" if not outputs else f"a {returned.type.__name__}"
        raise output_failure(model.name, classifier, kind)
    shape = _shape(outputs[0])
    if len(shape) != 2:
        found = f"a tensor of {len(shape)} dimensions"
    elif BATCH not in str(shape[0]):
        found = "a number of rows that the images' values decide"
    else:
        return
    raise output_failure(model.name, classifier, found)


def _shape(value: Any) -> tuple[Any, ...]:
    """Return the shape of an input or output; dynamic dimensions are no ints there."""
    return tuple(value.shape or ())


def _metadata(trained: TrainedNetwork) -> dict[str, str]:
    versions = installed_versions(("torch", "onnx", "onnxscript"))
    return {
        "model": trained.model.name,
        "classes": json.dumps(trained.classes, ensure_ascii=False),
        "dataset": trained.dataset.name,
        "dataset_sha256": trained.dataset.sha256,
        "checkpoint_sha256": trained.checkpoint_sha256,
        **{f"version.{name}": version for name, version in versions.items()},
    }


def _remove_stack_traces(program: torch.onnx.ONNXProgram) -> None:
    model = program.model
    inside = (function.all_nodes() for function in model.functions.values())
    for node in itertools.chain(model.graph.all_nodes(), *inside):
        node.metadata_props.pop("pkg.torch.onnx.stack_trace", None)
