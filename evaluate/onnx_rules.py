"""Whether a file is an ONNX model that onnx and ONNX Runtime, as installed here, understand."""

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper

from errors import ArtifactError
from evaluate.onnx_runtime import loads_on_cpu
from evaluate.providers import ONNX_RUNTIME_VERSION
from evaluate.walking import all_nodes

_ONNX = ("", "ai.onnx")  # two names of one domain
# Those that ONNX Runtime has operators for (onnxruntime/core/graph/constants.h).
_DOMAINS = (
    *_ONNX,
    "ai.onnx.ml",
    "ai.onnx.training",
    "ai.onnx.preview.training",
    "com.microsoft",
    "com.microsoft.nchwc",
    "com.microsoft.experimental",
    "com.ms.internal.nhwc",
    "org.pytorch.aten",
)
_IR = 8  # that every ONNX Runtime of these years loads
_SHOWN = 5  # unknown operators


def parsed_model(content: bytes, path: Path) -> onnx.ModelProto:
    """Return the model that is in a file; what it keeps in other files stays there.

    Raises:
        ArtifactError: it is no ONNX model, or of a version or with operators unknown here.
    """
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(content)
    except DecodeError as error:
        raise ArtifactError(str(path), "is no ONNX model") from error
    if not model.graph.node or not model.graph.output or not opset_of(model):
        what = "operators" if not model.graph.node else "outputs" if opset_of(model) else "opset"
        raise ArtifactError(str(path), f"is no ONNX model: it has no {what}")
    _require_known_versions(model, path)
    _require_known_domains(model, path)
    return model


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of ONNX's own operators that a model uses; 0 where it does not say."""
    versions = [entry.version for entry in model.opset_import if entry.domain in _ONNX]
    return int(max(versions, default=0))


def require_valid(model: onnx.ModelProto, path: Path) -> None:
    """Hold a model against ONNX's own rules, with the shapes and types that follow from them.

    Raises:
        ArtifactError: it breaks one.
    """
    # onnx infers no shapes from sparse weights, which ONNX Runtime makes dense.
    has_sparse = bool(model.graph.sparse_initializer)
    try:
        onnx.checker.check_model(path, full_check=not has_sparse)
    except Exception as error:  # its errors, and those of shape inference, share no base class
        reason = " ".join(str(error).split()).split(" ==> ")[0]
        raise ArtifactError(
            str(path), f"is no valid ONNX model: {reason or type(error).__name__}"
        ) from error


def _require_known_versions(model: onnx.ModelProto, path: Path) -> None:
    opset, ir = opset_of(model), int(model.ir_version)
    if _loads(opset, ir):
        return
    opsets = [one for one in range(1, onnx.defs.onnx_opset_version() + 1) if _loads(one, _IR)]
    irs = [one for one in range(1, onnx.IR_VERSION + 1) if _loads(opsets[-1], one)]
    for name, found, known in (("opset", opset, opsets), ("IR version", ir, irs)):
        if found not in known:
            raise ArtifactError(
                str(path),
                f"has {name} {found}: ONNX Runtime {ONNX_RUNTIME_VERSION} knows those up to"
                f" {known[-1]}",
                hint="convert it with onnx.version_converter, or update onnxruntime",
            )


def _loads(opset: int, ir: int) -> bool:
    """Return whether ONNX Runtime loads a graph of one node with these versions."""
    if opset < 1 or ir < 1:
        return False
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])], "trial", values[:1], values[1:]
    )
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=ir)
    return loads_on_cpu(model.SerializeToString())


def _require_known_domains(model: onnx.ModelProto, path: Path) -> None:
    own = {function.domain for function in model.functions}
    unknown = {
        f"{node.domain}::{node.op_type}"
        for node in all_nodes(model)
        if node.domain not in _DOMAINS and node.domain not in own
    }
    if unknown:
        shown = ", ".join(repr(name) for name in sorted(unknown)[:_SHOWN])
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        raise ArtifactError(
            str(path), f"has operators that ONNX Runtime does not have: {shown}{more}"
        )
