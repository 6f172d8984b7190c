"""The tables of a report: rows of text, made of records; what is missing says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from artifacts.accuracy_records import AccuracyRecord
from artifacts.evaluation_records import Evaluation
from artifacts.export_records import Export, Variant
from report.names import name_of
from report.numbers import NOT_MEASURED, count, megabytes, percent, percent_interval, small, times

NO_REFERENCE = "no reference"
ITSELF = ("itself", "itself")  # the reference beside the reference: flips, McNemar's p


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with a caption.

    Attributes:
        caption: what it is of; who hears the page hears it first.
        columns: their names.
        rows: text, a cell a column; the first is the row's name.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def accuracy_table(evaluations: Sequence[Evaluation]) -> Table:
    """Return accuracies with their intervals, PyTorch's first."""
    rows = []
    for number, evaluation in enumerate(evaluations):
        parity = evaluation.parity
        if number == 0 and parity is not None and parity.reference != "onnx":
            rows.append(("PyTorch, float32", *accuracy_cells(parity.pytorch_accuracy), *ITSELF))
        chance, flips = NO_REFERENCE, NO_REFERENCE
        if parity is not None:
            flips = f"{parity.flips:,}"
            chance = "no labels" if parity.mcnemar_p is None else f"{parity.mcnemar_p:.2g}"
        rows.append((name_of(evaluation), *accuracy_cells(evaluation.accuracy), flips, chance))
    return Table(
        caption="Accuracy on the whole test split",
        columns=("side", "right", "accuracy", "95% interval", "ECE", "changed", "McNemar's p"),
        rows=rows,
    )


def parity_table(evaluations: Sequence[Evaluation]) -> Table:
    """Return how far the logits are from the reference's, and who is nearer to float64."""
    rows = []
    for evaluation in evaluations:
        parity = evaluation.parity
        if parity is None:
            rows.append((name_of(evaluation), *[NO_REFERENCE] * 6))
            continue
        float64 = parity.float64
        rows.append(
            (
                name_of(evaluation),
                f"{parity.tolerance}: {parity.atol:g} + {parity.rtol:g} × |logit|",
                "not finite" if parity.elements_outside is None else f"{parity.elements_outside:,}",
                small(parity.max_abs),
                "not finite" if parity.min_cosine is None else f"{parity.min_cosine:.9g}",
                f"{parity.explained_flips:,} + {parity.unexplained_flips:,}",
                NOT_MEASURED
                if float64 is None
                else f"{small(float64.onnx_max_abs)} and {small(float64.pytorch_max_abs)}",
            )
        )
    return Table(
        caption="Logits beside the reference's",
        columns=(
            "evaluation",
            "tolerance",
            "outside",
            "largest difference",
            "least cosine",
            "flips: explained + not",
            "off from float64: ONNX and PyTorch",
        ),
        rows=rows,
    )


def placement_table(evaluations: Sequence[Evaluation]) -> Table:
    """Return what was asked for, what the session got, and where each node ran."""
    rows = []
    for evaluation in evaluations:
        proof = evaluation.provider
        nodes = ", ".join(f"{number} on {name}" for name, number in proof.nodes.items())
        options = ", ".join(f"{key}={value}" for key, value in proof.options.items())
        rows.append(
            (
                evaluation.model.precision,
                proof.requested,
                ", ".join(proof.session),
                nodes or "none",
                str(proof.copies),
                options or "none",
            )
        )
    return Table(
        caption="Where ONNX Runtime put the nodes of the optimized graph",
        columns=("variant", "asked for", "the session has", "nodes", "copies", "options"),
        rows=rows,
    )


def variants_table(export: Export, evaluations: Sequence[Evaluation]) -> Table:
    """Return the ONNX files, what they weigh, and what they gain."""
    largest = {
        evaluation.model.precision: evaluation.latency[-1]
        for evaluation in reversed(evaluations)
        if evaluation.latency
    }
    rows = []
    for precision, variant in export.variants.items():
        timing = largest.get(variant.precision)
        beside = "itself" if precision == "float32" else NOT_MEASURED
        if timing is not None and timing.float32_speedup is not None:
            ratio = times(timing.float32_speedup, timing.float32_speedup_ci95)
            beside = f"{ratio} at batch {timing.batch_size}"
        weights = variant.external_data.bytes if variant.external_data else 0
        rows.append(
            (
                precision,
                variant.file,
                megabytes(variant.file_bytes + weights),
                str(variant.nodes),
                str(variant.opset),
                _kept_in_float32(variant),
                beside,
            )
        )
    return Table(
        caption="The exported files",
        columns=("variant", "file", "size", "nodes", "opset", "kept in float32", "beside float32"),
        rows=rows,
    )


def environment_table(evaluations: Sequence[Evaluation]) -> Table:
    """Return on what each evaluation was made, and what disturbed it."""
    rows = []
    for evaluation in evaluations:
        environment, machine = evaluation.environment, evaluation.machine
        rows.append(
            (
                name_of(evaluation),
                environment.date,
                f"{environment.cpu}, {count(environment.cpus, 'CPU')}"
                + (f", {machine.gpu.name}" if machine.gpu else ""),
                "not told" if machine.load_average is None else f"{machine.load_average:.2f}",
                _versions(environment.versions),
            )
        )
    return Table(
        caption="Machine and versions",
        columns=("evaluation", "date, UTC", "machine", "load at the start", "versions"),
        rows=rows,
    )


def _versions(versions: Mapping[str, str]) -> str:
    named = ("torch", "onnx", "onnxruntime-gpu", "onnxruntime", "numpy", "onnxproof")
    return ", ".join(f"{name} {versions[name]}" for name in named if name in versions)


def accuracy_cells(accuracy: AccuracyRecord | None) -> tuple[str, str, str, str]:
    """Return how many are right, the accuracy, its interval, the calibration error."""
    if accuracy is None:
        return ("no labels",) * 4
    error = accuracy.expected_calibration_error
    return (
        f"{accuracy.correct:,} of {accuracy.examples:,}",
        percent(accuracy.top1),
        percent_interval(accuracy.ci95),
        "not finite" if error is None else f"{100 * error:.2f} points",
    )


def _kept_in_float32(variant: Variant) -> str:
    if variant.quantization is not None:
        layers = [layer.layer for layer in variant.quantization.float32_layers]
        return f"{count(len(layers), 'layer')}: {', '.join(layers)}" if layers else "no layer"
    if variant.half_precision is not None:
        nodes = variant.half_precision.float32_nodes
        return count(len(nodes), "node") if nodes else "no node"
    return "all of it"
