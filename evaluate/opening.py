"""A subject, opened: its session, how its input is given, which output counts."""

from dataclasses import dataclass

from artifacts.evaluation_records import GraphInput, GraphOutput
from artifacts.logits import Tolerance
from data import Dataset
from errors import UsageError
from evaluate.foreign import require_same_files
from evaluate.graph_input import graph_input
from evaluate.graph_output import graph_output
from evaluate.onnx_runtime import OnnxRunner
from evaluate.references import OnnxReference, Reference
from evaluate.session_options import SessionOptions
from evaluate.subject import Subject
from evaluate.tolerances import CPU_FLOAT32, tolerance_for


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What every part of an evaluation works with."""

    subject: Subject
    dataset: Dataset
    runner: OnnxRunner
    form: GraphInput
    output: GraphOutput
    tolerance: Tolerance


def opened_subject(
    subject: Subject,
    dataset: Dataset,
    session: SessionOptions,
    *,
    atol: float | None = None,
    rtol: float | None = None,
) -> Opened:
    """Return the subject with a session on the provider that was asked for.

    Args:
        subject: what to open.
        dataset: whose images it is given.
        session: what its session is to be.
        atol: of the tolerance, instead of the named one's.
        rtol: the same.

    Raises:
        UnusableError: the provider does not work here.
        UsageError: the graph takes no such images, or is of another kind than its reference.
        ArtifactError: the file was changed meanwhile.
        UnfinishedError: ONNX Runtime cannot load the file.
    """
    runner = OnnxRunner(subject.onnx, session)
    require_same_files(subject.onnx, subject.model)
    output = graph_output(runner.outputs, subject.softmaxed)
    _require_same_kind(output, subject.reference)
    return Opened(
        subject=subject,
        dataset=dataset,
        runner=runner,
        form=graph_input(runner.inputs, dataset.image_shape, subject.input_options),
        output=output,
        tolerance=_tolerance(subject, session, atol, rtol),
    )


def _tolerance(
    subject: Subject, session: SessionOptions, atol: float | None, rtol: float | None
) -> Tolerance:
    precision = subject.model.precision
    if subject.reference is None and precision == "int8":
        return CPU_FLOAT32  # that the graph agrees with itself; there is no other side
    return tolerance_for(session.provider, precision, tf32=session.tf32, atol=atol, rtol=rtol)


def _require_same_kind(output: GraphOutput, reference: Reference | None) -> None:
    if not isinstance(reference, OnnxReference):
        return
    if output.probabilities != reference.output.probabilities:
        kinds = ("logits", "probabilities")
        raise UsageError(
            "--reference-onnx",
            f"its output {reference.output.name!r} has {kinds[reference.output.probabilities]},"
            f" the other file's {output.name!r} {kinds[output.probabilities]}",
        )
