"""A trained classifier to an ONNX graph that carries its own preprocessing."""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator

import onnx
import torch
from torch import Tensor, nn

from artifacts.chain import TrainedNetwork
from artifacts.environment import installed_versions
from artifacts.training_records import ModelSpec
from errors import UnfinishedError, UsageError

INPUT, LOGITS, PROBABILITIES = "images", "logits", "probabilities"
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
) -> onnx.ModelProto:
    """Return the ONNX model: uint8 `images` [batch, C, H, W] in, float32 `logits` [batch, K] out.

    Made by torch's dynamo exporter in evaluation mode, with a dynamic batch. Its metadata names
    the classes, the dataset, the checkpoint's sha256 and the versions. The exporter's stack traces
    are taken out, since they name this machine's paths; the module paths stay.

    Raises:
        UnfinishedError: the network cannot be exported.
        UsageError: the exporter could not make the opset that was asked for.
    """
    program = traced_program(classifier, trained.model, opset=opset, probabilities=probabilities)
    model: onnx.ModelProto = program.model_proto
    made = opset_of(model)
    if made != opset:
        raise UsageError("--opset", f"{opset} cannot be made from this network: got {made}")
    _remove_stack_traces(model.graph)
    onnx.helper.set_model_props(model, _metadata(trained))
    return model


def traced_program(
    classifier: nn.Module, model: ModelSpec, *, opset: int, probabilities: bool
) -> torch.onnx.ONNXProgram:
    """Return the classifier as torch's dynamo exporter traced and translated it.

    Raises:
        UnfinishedError: the network cannot be exported.
    """
    classifier.eval()
    module = _WithProbabilities(classifier) if probabilities else classifier
    height, width = model.image_size
    images = torch.zeros((TRACED_BATCH_SIZE, model.in_channels, height, width), dtype=torch.uint8)
    try:
        with _quiet():
            program = torch.onnx.export(
                module,
                (images,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                input_names=[INPUT],
                output_names=[LOGITS, PROBABILITIES] if probabilities else [LOGITS],
                opset_version=opset,
                external_data=False,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = str(error).strip().splitlines()[0]
        raise UnfinishedError(model.name, f"cannot be exported: {reason}") from error
    assert program is not None  # it is None only where a file was asked for
    return program


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of the standard operator set that the model imports."""
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    return int(max(versions))


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


def _remove_stack_traces(graph: onnx.GraphProto) -> None:
    for node in graph.node:
        kept = [p for p in node.metadata_props if p.key != "pkg.torch.onnx.stack_trace"]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's own talk, which is addressed to torch's developers, off both streams."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
