"""What is evaluated: a variant that a run exported, or any ONNX file; and what it is held to."""

import functools
import logging
from dataclasses import dataclass
from pathlib import Path

from artifacts.chain import ExportedNetwork, TrainedNetwork, exported_network
from artifacts.choices import MAX_ACCURACY_DROP, ReferenceSource
from artifacts.environment import is_installed
from artifacts.evaluation_records import EvaluatedModel
from artifacts.logits import Images, load_reference
from artifacts.run_directory import RunDirectory, default_run
from artifacts.shell import pasteable
from data import Dataset
from errors import ArtifactError, OnnxproofError, UnusableError, UsageError
from evaluate.foreign import require_same_files, require_tried, tried_file
from evaluate.graph_input import InputOptions, graph_input
from evaluate.graph_output import graph_output
from evaluate.onnx_runtime import OnnxRunner
from evaluate.passes import batch_size_of_pass
from evaluate.references import LiveReference, OnnxReference, RecordedReference, Reference
from evaluate.session_options import SessionOptions

log = logging.getLogger("onnxproof")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is evaluated.

    Attributes:
        onnx: the file.
        model: what the record says of it.
        input_options: what the user says of its input.
        softmaxed: outputs that a softmax has made.
        reference: what its logits are compared with, if anything.
        reference_sha256: of the file that has them, or that computes them.
        reference_external_data: sha256 of the files with that one's weights, by their names.
        trained: the network in PyTorch, if it is one of ours.
        float32_onnx: the run's float32 graph, to be timed beside one of reduced precision.
        allowed_accuracy_drop: points that a reduced precision may cost.
        run: where the evaluation is written.
    """

    onnx: Path
    model: EvaluatedModel
    input_options: InputOptions
    softmaxed: frozenset[str]
    reference: Reference | None
    reference_sha256: str | None
    reference_external_data: dict[str, str]
    trained: TrainedNetwork | None
    run: RunDirectory
    float32_onnx: Path | None = None
    allowed_accuracy_drop: float = MAX_ACCURACY_DROP


def subject_of_run(
    exported: ExportedNetwork,
    dataset: Dataset,
    source: ReferenceSource,
    session: SessionOptions,
) -> Subject:
    """Return an exported variant with the reference that was recorded, or that is computed now.

    Raises:
        ArtifactError: the recorded reference is damaged, or is not of these examples; or the graph
            is no ONNX model that is understood here.
        UsageError: TF32 is asked for, which the recorded reference does without; or the graph takes
            no images of this dataset.
        UnfinishedError: ONNX Runtime cannot load or run the graph; it crashed, took too long or too
            much.
        UnusableError: the reference is to be computed now, and PyTorch is not installed; or the
            provider does not work here.
    """
    run, variant = exported.trained.run, exported.variant
    require_same_split(run.reference, dataset)
    reference = _reference_of_run(exported, source, session)
    images = dataset.test.images[: batch_size_of_pass(dataset.image_shape)]
    require_tried(exported, InputOptions(), session, images)
    return Subject(
        onnx=exported.onnx,
        model=_evaluated_model(exported),
        input_options=InputOptions(),
        softmaxed=frozenset(),
        reference=reference,
        reference_sha256=exported.reference.sha256,
        reference_external_data={},
        trained=exported.trained,
        run=run,
        float32_onnx=_float32_beside(exported, session, images),
        allowed_accuracy_drop=variant.quantization.validation.max_accuracy_drop
        if variant.quantization
        else MAX_ACCURACY_DROP,
    )


def _reference_of_run(
    exported: ExportedNetwork, source: ReferenceSource, session: SessionOptions
) -> Reference:
    recorded = RecordedReference(path=exported.trained.run.reference)
    if source == "recorded":
        if session.tf32:
            raise UsageError(
                "--tf32",
                "PyTorch's logits were recorded without it, and both sides must do the same",
                hint="add --reference live",
            )
        return recorded
    if not is_installed("torch"):
        raise UnusableError("--reference live", "PyTorch is not installed here")
    from evaluate.torch_runner import pytorch_logits_function

    pytorch = functools.partial(pytorch_logits_function, exported.trained, session)
    return LiveReference(recorded=recorded, pytorch=pytorch)


def _evaluated_model(exported: ExportedNetwork) -> EvaluatedModel:
    variant, weights = exported.variant, exported.variant.external_data
    return EvaluatedModel(
        onnx_sha256=variant.onnx_sha256,
        precision=variant.precision,
        checkpoint_sha256=variant.checkpoint_sha256,
        opset=variant.opset,
        name=exported.trained.model.name,
        parameters=exported.trained.parameters,
        file_bytes=variant.file_bytes + (weights.bytes if weights else 0),
        external_data={weights.file: weights.sha256} if weights else {},
    )


def _float32_beside(
    exported: ExportedNetwork, session: SessionOptions, images: Images
) -> Path | None:
    """Return the run's float32 graph, if this is another one and that one is whole and runs."""
    if exported.variant.precision == "float32":
        return None
    try:
        float32 = exported_network(exported.trained.run, "float32")
        require_tried(float32, InputOptions(), session, images)
        return float32.onnx
    except OnnxproofError as error:
        log.warning("float32 is not timed beside %s: %s", exported.variant.precision, error)
        return None


def subject_of_file(
    onnx: Path,
    dataset: Dataset,
    input_options: InputOptions,
    session: SessionOptions,
    reference_onnx: Path | None,
) -> Subject:
    """Return an ONNX file that anybody made, with another one to compare it with, if given.

    Both are tried in a child process first, on the first images of the test split.

    Raises:
        ArtifactError: a file is missing, is no ONNX model, or has weights where they must not be.
        UsageError: a file takes no images of this dataset.
        UnfinishedError: ONNX Runtime cannot load or run a file; it crashed, took too long or too
            much.
        UnusableError: the provider does not work here.
    """
    images = dataset.test.images[: batch_size_of_pass(dataset.image_shape)]
    tried = tried_file(onnx, input_options, session, images)
    reference, other = None, None
    if reference_onnx is not None:
        unoptimized = SessionOptions(optimize=False, timeout_seconds=session.timeout_seconds)
        other = tried_file(reference_onnx, input_options, unoptimized, images)
        path = reference_onnx.resolve()
        runner = OnnxRunner(path, unoptimized)
        require_same_files(reference_onnx, other.model)
        reference = OnnxReference(
            path=path,
            form=graph_input(runner.inputs, dataset.image_shape, input_options),
            output=graph_output(runner.outputs, other.softmaxed),
            session=unoptimized,
        )
    return Subject(
        onnx=onnx.resolve(),  # where its weights are looked for
        model=tried.model,
        input_options=input_options,
        softmaxed=tried.softmaxed,
        reference=reference,
        reference_sha256=other.model.onnx_sha256 if other else None,
        reference_external_data=other.model.external_data if other else {},
        trained=None,
        run=default_run(dataset.name, onnx.name),
    )


def require_same_split(path: Path, dataset: Dataset) -> None:
    """Refuse a recorded reference that is not of the dataset's test split.

    Raises:
        ArtifactError: it is of other examples, or damaged.
    """
    reference = load_reference(path)
    if reference.split_sha256 == dataset.test.sha256 and len(reference.float32_NK) == len(
        dataset.test
    ):
        return
    raise ArtifactError(
        str(path),
        f"was computed on another test split than {dataset.name}'s"
        f" (sha256 {reference.split_sha256[:12]}, found {dataset.test.sha256[:12]})",
        hint=f"export again with: {pasteable('export', f'--run={path.parent}')}",
    )
