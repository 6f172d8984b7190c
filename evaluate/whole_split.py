"""The pass over a subject's whole test split, here or on Ray's workers."""

from artifacts.logits import Tolerance
from evaluate.cluster import cluster_pass
from evaluate.opening import Opened
from evaluate.passes import (
    OnStep,
    PassPlan,
    PassSums,
    SliceComputer,
    batch_size_of_pass,
    local_pass,
)
from evaluate.ray_connection import ClusterOptions
from evaluate.tolerances import tolerance_for


def sums_of_split(opened: Opened, cluster: ClusterOptions | None, on_step: OnStep) -> PassSums:
    """Return the sums of accuracy and parity over all examples.

    Args:
        opened: the subject.
        cluster: where to compute; None: in this process.
        on_step: is told how it goes on.

    Raises:
        ArtifactError: the reference is damaged, or is not of these examples.
        UnfinishedError: ONNX Runtime could not run the graph.
    """
    test = opened.dataset.test
    plan = PassPlan(
        onnx=opened.subject.onnx.resolve(),
        session=opened.runner.asked,
        form=opened.form,
        output=opened.output,
        reference=opened.subject.reference,
        tolerance=opened.tolerance,
        live_tolerance=_live_tolerance(opened),
        batch_size=pass_batch_size(opened),
    )
    if cluster:
        return cluster_pass(plan, test.images, test.labels, cluster, on_step)
    return local_pass(SliceComputer(plan, opened.runner), test.images, test.labels, on_step)


def pass_batch_size(opened: Opened) -> int:
    """Return how many images go through the graph at once: its own number, where it fixes one."""
    return opened.form.batch or batch_size_of_pass(opened.dataset.image_shape)


def _live_tolerance(opened: Opened) -> Tolerance:
    """Return what PyTorch's logits of now are held to: they are float32, whatever the graph is."""
    if opened.subject.model.precision == "float32":
        return opened.tolerance
    session = opened.runner.asked
    return tolerance_for(session.provider, "float32", tf32=session.tf32)
