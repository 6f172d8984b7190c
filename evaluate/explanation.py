"""Where a graph first departs from what it should compute: the node, its operator, its module.

Intermediate outputs are made outputs of the graph, one at a time so that what ONNX Runtime fuses
stays fused elsewhere, and compared with the reference's. Bisection over the nodes in their order
finds a value that departs behind one that does not; from there the way goes up through inputs that
depart too, to a node whose inputs all agree.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from artifacts.evaluation_records import Explanation
from artifacts.logits import Tolerance

Value = NDArray[np.generic]
ValueOf = Callable[[str], Value | None]  # None: this side has no value of that name
SCOPES = "pkg.torch.onnx.name_scopes"  # torch's exporter: the modules around a node, and its name


@dataclass(frozen=True, kw_only=True)
class _Departure:
    max_abs: float | None
    allowed: float


class _Comparison:
    """Compares values of the two sides by name, each once."""

    def __init__(self, candidate: ValueOf, reference: ValueOf, limit: float) -> None:
        self._candidate = candidate
        self._reference = reference
        self._limit = limit
        self._departures: dict[str, _Departure | None] = {}

    @property
    def compared(self) -> int:
        return len(self._departures)

    def departure(self, name: str) -> _Departure | None:
        """Return how far a value is off, or None where it is within the limit."""
        if name not in self._departures:
            found, wanted = self._candidate(name), self._reference(name)
            assert found is not None
            assert wanted is not None
            self._departures[name] = _departure(found, wanted, self._limit)
        return self._departures[name]


def explanation(
    graph: onnx.GraphProto,
    candidate: ValueOf,
    reference: ValueOf,
    *,
    comparable: Sequence[str],
    limit: float,
    against: Literal["pytorch", "unoptimized-cpu"],
) -> Explanation:
    """Return the first node whose output departs although its inputs agree.

    Args:
        graph: that is evaluated; its nodes are in an order in which they can be run.
        candidate: gives a value of the graph as it runs.
        reference: gives the value of that name as it should be.
        comparable: names that both sides have, in the order of the nodes.
        limit: largest difference allowed, relative to the largest absolute value.
        against: what the reference is.
    """
    comparison = _Comparison(candidate, reference, limit)
    departing = _first_by_bisection(comparable, comparison)
    if departing is None:
        return Explanation(
            against=against,
            node=None,
            op_type=None,
            module=None,
            output=None,
            max_abs=None,
            allowed=None,
            compared=comparison.compared,
            not_compared=(),
        )
    producers = {name: node for node in graph.node for name in node.output}
    name, between = _upstream(departing, producers, frozenset(comparable), comparison)
    node, departure = producers[name], comparison.departure(name)
    assert departure is not None
    return Explanation(
        against=against,
        node=node.name or name,
        op_type=node.op_type,
        module=module_path(node),
        output=name,
        max_abs=departure.max_abs,
        allowed=departure.allowed,
        compared=comparison.compared,
        not_compared=tuple(f"{one.op_type} {one.name or one.output[0]}" for one in between),
    )


def relative_limit(tolerance: Tolerance, logits: Value) -> float:
    """Return what the tolerance allows for the logits, relative to the largest of them.

    Values inside a network have other sizes than logits, so that atol alone says nothing of them.
    """
    largest = float(np.abs(logits.astype(np.float64)).max(initial=0.0))
    return tolerance.rtol + (tolerance.atol / largest if largest else tolerance.atol)


def with_output(model: onnx.ModelProto, name: str) -> bytes:
    """Return the model with one more output, an intermediate value of that name.

    What the model keeps in other files stays there.
    """
    is_new = name not in {output.name for output in model.graph.output}
    if is_new:  # for a moment in the model itself: a copy would hold every weight twice
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    try:
        content: bytes = model.SerializeToString()
    finally:
        if is_new:
            model.graph.output.pop()
    return content


def module_path(node: onnx.NodeProto) -> str | None:
    """Return the path of the module that a node came from, where torch's exporter wrote it."""
    scopes = _scopes(node)
    return scopes[-2] or None if len(scopes) > 1 else None


def traced_name(node: onnx.NodeProto) -> str | None:
    """Return the name of the traced operation that a node computes, where the exporter wrote it."""
    scopes = _scopes(node)
    return scopes[-1] if scopes else None


def _scopes(node: onnx.NodeProto) -> list[str]:
    """Return the names around a node, outermost first; none where the file says something else."""
    for entry in node.metadata_props:
        if entry.key == SCOPES:
            try:
                found = ast.literal_eval(entry.value)
            except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
                return []
            if isinstance(found, list):
                return [str(name) for name in found]
    return []


def _departure(found: Value, wanted: Value, limit: float) -> _Departure | None:
    ours, theirs = found.astype(np.float64), wanted.astype(np.float64)
    largest = float(np.abs(theirs).max(initial=0.0))
    allowed = limit * largest if np.isfinite(largest) else 0.0
    if ours.shape != theirs.shape or not np.isfinite(ours).all():
        return _Departure(max_abs=None, allowed=allowed)
    worst = float(np.abs(ours - theirs).max(initial=0.0))
    return _Departure(max_abs=worst, allowed=allowed) if worst > allowed else None


def _first_by_bisection(names: Sequence[str], comparison: _Comparison) -> str | None:
    """Return a name that departs and whose predecessor does not; None where the last agrees."""
    if not names or comparison.departure(names[-1]) is None:
        return None
    agrees, departs = -1, len(names) - 1
    while departs - agrees > 1:
        middle = (agrees + departs) // 2
        if comparison.departure(names[middle]) is None:
            agrees = middle
        else:
            departs = middle
    return names[departs]


def _upstream(
    name: str,
    producers: Mapping[str, onnx.NodeProto],
    comparable: frozenset[str],
    comparison: _Comparison,
) -> tuple[str, list[onnx.NodeProto]]:
    """Return the departing value whose own inputs agree, and the nodes between that have no twin.

    Of a node that the reference does not have, its inputs are looked at in its place.
    """
    while True:
        between: list[onnx.NodeProto] = []
        further = None
        pending = list(producers[name].input)
        seen: set[str] = set()
        while pending and further is None:
            value = pending.pop()
            if value in seen or value not in producers:
                continue  # seen before, a weight, or the graph's own input
            seen.add(value)
            if value in comparable:
                further = value if comparison.departure(value) else None
            else:
                between.append(producers[value])
                pending += producers[value].input
        if further is None:
            return name, between
        name = further
