"""Why a network cannot be exported, in one line: the operator or reason, and the line to change."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode, ShapeEnv

from errors import UnfinishedError
from models.places import (
    Place,
    chain_of,
    place_of_error,
    place_of_forward,
    place_of_traceback,
    traced_node,
)

LONGEST_REASON = 240  # characters; torch's own messages can be pages
_NO_TRANSLATION = "No ONNX function found"
_IN_THE_GRAPH = "let the graph decide: torch.where(condition, a, b), or torch.cond"
_ANY_BATCH = (
    "take the batch size from x.shape[0] as it is, or use x.flatten(1); no loop over the images"
)
_ONE_OUTPUT = "return one tensor of logits [batch, classes]"
_OTHER_OPERATORS = "write that line with other operators"
_TORCH_ONLY = "compute it with torch: a graph can hold nothing else"


def export_failure(name: str, module: nn.Module, error: Exception) -> Exception:
    """Return what to raise in place of an error that tracing or translating a network ended with.

    Args:
        name: of the network.
        module: that was exported.
        error: of torch's exporter, or of the network's own code.

    Returns:
        An UnfinishedError of one line, but memory that ran out as it is: that is told elsewhere.
    """
    for each in chain_of(error):
        if isinstance(each, MemoryError | torch.OutOfMemoryError):
            return each
    reason, hint = _reason(error)
    return _failure(name, reason, place_of_error(error, module), hint)


def fixed_batch_failure(name: str, module: nn.Module, images: Tensor) -> UnfinishedError:
    """Return the error for a network that can take only the batch size it was traced with.

    Args:
        name: of the network.
        module: that was exported.
        images: that it was traced with.
    """
    place = _place_that_fixes_the_batch(module, images) or place_of_forward(module)
    return _failure(name, f"the batch size is fixed at {len(images)}", place, _ANY_BATCH)


def output_failure(name: str, module: nn.Module, found: str) -> UnfinishedError:
    """Return the error for a network whose forward does not return logits.

    Args:
        name: of the network.
        module: that was exported.
        found: what it returns.
    """
    return _failure(name, f"forward returns {found}", place_of_forward(module), _ONE_OUTPUT)


def _failure(name: str, reason: str, place: Place | None, hint: str | None) -> UnfinishedError:
    where = f" {place}" if place else ""
    return UnfinishedError(name, f"cannot be exported: {reason}{where}", hint=hint)


def _reason(error: Exception) -> tuple[str, str | None]:
    """Return the operator or reason, and the way out where it is known."""
    chain, node = chain_of(error), traced_node(error)
    if any(isinstance(each, GuardOnDataDependentSymNode) for each in chain):
        return "Python code decides by the values of a tensor", _IN_THE_GRAPH
    if node is not None and node.op == "output":
        return "forward returns something other than tensors", _ONE_OUTPUT
    first_cause = chain[-1]
    if node is None:
        return _told(first_cause), _TORCH_ONLY if ".numpy()" in str(first_cause) else None
    operator = _operator(node)
    if str(first_cause).startswith(_NO_TRANSLATION):
        return f"the operator {operator} has no translation to ONNX", _OTHER_OPERATORS
    return f"the operator {operator} cannot be translated: {_told(first_cause)}", None


def _operator(node: fx.Node) -> str:
    """Return an operator's name as in torch.ops, without the overload that is the usual one."""
    return str(node.target).removesuffix(".default")


def _told(error: BaseException) -> str:
    """Return kind and first paragraph of an error in one line; torch's advice comes after it."""
    paragraph = re.split(r"\n\s*\n", str(error).strip())[0]
    line = " ".join(paragraph.split()).removesuffix(".")
    if len(line) > LONGEST_REASON:
        line = line[:LONGEST_REASON].rsplit(" ", 1)[0] + " ..."
    kind = type(error).__name__
    return f"{kind}: {line}" if line else kind


class _SizeFixed(BaseException):
    """A dynamic size became a number; no Exception, so that nothing on the way catches it."""


def _place_that_fixes_the_batch(module: nn.Module, images: Tensor) -> Place | None:
    """Trace again, with leave to fix the batch, and return the line that does."""
    try:
        with _raising_where_a_size_is_fixed():
            torch.export.export(
                module, (images,), dynamic_shapes=({0: torch.export.Dim.AUTO},), strict=False
            )
    except _SizeFixed as fixed:
        return place_of_traceback(fixed)
    except Exception:  # traced in another way then, and nobody knows the line
        return None
    return None


@contextmanager
def _raising_where_a_size_is_fixed() -> Iterator[None]:
    """Raise _SizeFixed as torch replaces the symbol of a dynamic size by a number.

    torch says that it happened, but not where; hence its own method is replaced meanwhile.
    """
    original = ShapeEnv._set_replacement

    def raising(self, symbol, value, message):  # type: ignore[no-untyped-def]
        if value.is_number:
            raise _SizeFixed
        return original(self, symbol, value, message)

    ShapeEnv._set_replacement = raising  # type: ignore[method-assign]
    try:
        yield
    finally:
        ShapeEnv._set_replacement = original  # type: ignore[method-assign]
