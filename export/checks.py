"""What an ONNX file must pass before it counts as exported."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from artifacts.export_records import BatchCheck, TensorSpec
from artifacts.logits import Images, LogitsFunction, Tolerance
from data.images_at_once import images_at_once
from errors import UnfinishedError
from export.graph import INPUT, LOGITS

# One, two, an odd number: a batch dimension that was baked in, or a reshape that mixes examples,
# shows at one of them, or at the large one that comes last.
BATCH_SIZES = (1, 2, 7)
LARGEST_BATCH, LEAST_LARGE_BATCH = 256, 16


def check_file(path: Path) -> onnx.ModelProto:
    """Return the model in the file, having held it to the ONNX specification and to our own rules.

    Runs onnx.checker with full type and shape inference; then wants one uint8 input `images` with
    a dynamic batch and a float32 output `logits`, and every weight inside the file, or in the one
    file next to it that has its name and `.data`. Weights outside are not read.

    Raises:
        UnfinishedError: the file breaks a rule.
    """
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UnfinishedError(path.name, f"breaks the ONNX specification: {reason}") from error
    model = onnx.load(path, load_external_data=False)
    inputs, outputs = tensor_specs(model.graph.input), tensor_specs(model.graph.output)
    problems = []
    if [spec.name for spec in inputs] != [INPUT] or inputs[0].dtype != "uint8":
        problems.append(f"wanted one uint8 input {INPUT!r}, found {inputs}")
    if not outputs or outputs[0].name != LOGITS or outputs[0].dtype != "float32":
        problems.append(f"wanted a float32 output {LOGITS!r} first, found {outputs}")
    problems += [
        f"the batch of {spec.name!r} is fixed at {spec.shape[0]}"
        for spec in (*inputs, *outputs)
        if isinstance(spec.shape[0], int)
    ]
    problems += [
        f"weight {weight.name!r} lies in {location!r}, outside the file and {path.name}.data"
        for weight in model.graph.initializer
        if (location := _location(weight)) not in (None, f"{path.name}.data")
    ]
    if problems:
        raise UnfinishedError(path.name, problems[0])
    return model


def check_batches(
    candidate: LogitsFunction,
    reference: LogitsFunction,
    images: Images,
    tolerance: Tolerance,
) -> tuple[BatchCheck, ...]:
    """Return the largest logit difference at each of BATCH_SIZES and a large one, on real images.

    The large one is LARGEST_BATCH for small images; of large ones it takes fewer.

    Args:
        candidate: the exported graph, as ONNX Runtime runs it.
        reference: the network in PyTorch.
        images: of the test split; repeated where there are fewer than a batch.
        tolerance: that every logit must be within.

    Raises:
        UnfinishedError: the shape is wrong, a logit is not finite, or more logits than the
            tolerance allows are outside of it.
    """
    checks, outside, elements = [], 0, 0
    large = images_at_once(LARGEST_BATCH, images.shape[2:], least=LEAST_LARGE_BATCH)
    for size in (*BATCH_SIZES, large):
        batch = np.ascontiguousarray(images[np.arange(size) % len(images)])
        found, wanted = candidate(batch), reference(batch)
        where = f"at batch size {size}"
        if found.shape != wanted.shape:
            raise UnfinishedError(
                "export", f"{where}: logits have shape {found.shape}, wanted {wanted.shape}"
            )
        if not np.isfinite(found).all():
            raise UnfinishedError("export", f"{where}: logits are not finite numbers")
        difference = np.abs(found.astype(np.float64) - wanted)
        outside += int((difference > tolerance.allowed(wanted)).sum())
        elements += difference.size
        checks.append(BatchCheck(batch_size=size, max_abs=float(difference.max())))
        # A share of the logits of one image is none: that is counted over all batches.
        if outside and not tolerance.outside_share:
            break
    if outside > tolerance.most_outside(elements):
        raise UnfinishedError(
            "export",
            f"at batch size {checks[-1].batch_size}: logits differ from PyTorch's by up to"
            f" {max(check.max_abs for check in checks):.3g}, more than tolerance {tolerance.name}"
            " allows",
        )
    return tuple(checks)


def _location(weight: onnx.TensorProto) -> str | None:
    """Return the file that has a weight's values; None where the model itself has them."""
    if not uses_external_data(weight):
        return None
    return str(ExternalDataInfo(weight).location)


def tensor_specs(values: Iterable[onnx.ValueInfoProto]) -> tuple[TensorSpec, ...]:
    """Return name, dtype and shape of a graph's inputs or outputs."""
    return tuple(
        TensorSpec(
            name=value.name,
            dtype=onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type).name,
            shape=tuple(
                dimension.dim_param or dimension.dim_value
                for dimension in value.type.tensor_type.shape.dim
            ),
        )
        for value in values
    )
