"""Whether PyTorch of now still says what was recorded as its reference."""

import functools

from artifacts.chain import ExportedNetwork
from artifacts.parity_records import LiveAgreement
from data import Dataset
from evaluate.passes import OnStep, batch_size_of_pass, live_sums, slices
from evaluate.references import LiveReference, RecordedReference
from evaluate.session_options import SessionOptions
from evaluate.subject import require_same_split
from evaluate.tolerances import CPU_FLOAT32
from evaluate.torch_runner import pytorch_logits_function


def recomputed_reference(
    exported: ExportedNetwork, dataset: Dataset, on_step: OnStep
) -> LiveAgreement:
    """Return how PyTorch's logits of now, on the CPU, agree with the recorded ones.

    Args:
        exported: whose checkpoint is run.
        dataset: all of its test split.
        on_step: is told how it goes on.

    Raises:
        ArtifactError: the reference is damaged, or is not of these examples.
    """
    recorded = RecordedReference(path=exported.trained.run.reference)
    require_same_split(recorded.path, dataset)
    compute = functools.partial(pytorch_logits_function, exported.trained, SessionOptions())
    batch_size = batch_size_of_pass(dataset.image_shape)
    read = LiveReference(recorded=recorded, pytorch=compute).open(batch_size)
    images = dataset.test.images
    total = None
    for start, stop in slices(len(images)):
        sums = live_sums(read(images[start:stop], start), CPU_FLOAT32)
        assert sums is not None  # it has what was recorded
        total = sums if total is None else total + sums
        on_step("PyTorch's reference, computed again", stop, len(images))
    assert total is not None  # a split has an example at least
    return total.record()
