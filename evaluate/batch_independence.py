"""Whether an image gets the same logits alone as among others."""

import numpy as np

from artifacts.evaluation_records import BatchIndependence
from artifacts.logits import Images, LogitsFunction, Tolerance

EXAMPLES = 16


def batch_independence(
    function: LogitsFunction, images: Images, *, batch_size: int, tolerance: Tolerance
) -> BatchIndependence | None:
    """Return how logits of images that run alone compare with theirs in one batch.

    A graph that was exported in training mode normalizes by the batch, and parity alone misses it
    where both sides do. Where the graph fixes its batch size, an image "alone" fills all places of
    the batch (evaluate.graph_input.logits_function).

    Args:
        function: from numpy images to numpy logits.
        images: of the split; the first of them are run.
        batch_size: of the one batch.
        tolerance: that the difference is held to.

    Returns:
        None where batches have one image, or the split has.
    """
    size = min(batch_size, len(images))
    if size == 1:
        return None
    batch = np.array(images[:size])  # not from everywhere: a memory map reads far around each
    together = function(batch)
    chosen = np.linspace(0, size - 1, min(EXAMPLES, size)).astype(np.int64)
    alone = np.concatenate([function(batch[index : index + 1]) for index in chosen.tolist()])
    wanted = together[chosen]
    if not (np.isfinite(alone).all() and np.isfinite(wanted).all()):
        return BatchIndependence(examples=len(chosen), max_abs=None, within_tolerance=False)
    differences = np.abs(alone.astype(np.float64) - wanted)
    return BatchIndependence(
        examples=len(chosen),
        max_abs=float(differences.max()),
        within_tolerance=bool((differences <= tolerance.allowed(wanted)).all()),
    )
