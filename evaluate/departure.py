"""An explanation from the files: which images, which values of which session, which reference."""

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx

from artifacts.evaluation_records import Explanation, GraphInput, GraphOutput
from artifacts.logits import Images, IntermediateValues, Tolerance
from evaluate.explanation import (
    Value,
    ValueOf,
    explanation,
    relative_limit,
    traced_name,
    with_output,
)
from evaluate.graph_input import preparation
from evaluate.onnx_runtime import OnnxRunner
from evaluate.session_options import SessionOptions

EXAMPLES = 4


def explained(
    path: Path,
    session: SessionOptions,
    form: GraphInput,
    output: GraphOutput,
    tolerance: Tolerance,
    *,
    images: Images,
    worst_index: int,
    pytorch_values: IntermediateValues | None,
) -> Explanation:
    """Return the first node that departs, on the worst example and a few others.

    Args:
        path: the ONNX file.
        session: it is run as this one was.
        form: of its input.
        output: that has the logits.
        tolerance: that the logits were held to.
        images: of the split.
        worst_index: the example with the largest difference.
        pytorch_values: the reference; None: the same graph on the CPU, with no optimization.
    """
    model = onnx.load(path, load_external_data=False)
    indices = [worst_index, *(i for i in range(EXAMPLES) if i != worst_index)][:EXAMPLES]
    if form.batch is not None:
        indices = (indices * form.batch)[: form.batch]
    batch = np.array(images[[index % len(images) for index in indices]])
    prepared = preparation(form)(batch)
    candidate = _values_of_graph(model, path.parent, session, prepared)
    names = {n.output[0]: traced_name(n) for n in model.graph.node if n.output and n.output[0]}
    if pytorch_values is None:
        reference = _values_of_graph(model, path.parent, SessionOptions(optimize=False), prepared)
        comparable = list(names)
    else:
        found = pytorch_values(batch)
        # Of several nodes that make up one traced operation, the last one has its value.
        last = {traced: name for name, traced in names.items() if traced in found}
        twins = {name: traced for traced, name in last.items() if traced is not None}
        reference = _values_by_twin(twins, found)
        comparable = [name for name in names if name in twins]
    logits = reference(output.name)
    return explanation(
        model.graph,
        candidate,
        reference,
        comparable=comparable,
        limit=relative_limit(tolerance, np.empty(0) if logits is None else logits),
        against="unoptimized-cpu" if pytorch_values is None else "pytorch",
    )


def _values_of_graph(
    model: onnx.ModelProto, directory: Path, session: SessionOptions, values: Value
) -> ValueOf:
    @functools.cache
    def value_of(name: str) -> Value:
        return OnnxRunner(with_output(model, name), session, directory).run(values, name)

    return value_of


def _values_by_twin(twins: Mapping[str, str], found: Mapping[str, Value]) -> ValueOf:
    return lambda name: found[twins[name]] if name in twins else None
