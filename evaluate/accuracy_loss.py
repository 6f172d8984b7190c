"""What a reduced precision costs in accuracy, and whether that is more than chance."""

from artifacts.changes import SIGNIFICANCE
from artifacts.evaluation_records import AccuracyLoss
from artifacts.statistics import mcnemar_exact
from evaluate.opening import Opened
from evaluate.parity import Parity


def accuracy_loss(parity: Parity, allowed_points: float) -> AccuracyLoss:
    """Return the loss beside the reference, from the examples that only one side got right.

    Examples that both sides get right, or both wrong, say nothing of a loss; among the others each
    side would be right equally often if nothing but chance were at work (McNemar 1947, exact).

    Args:
        parity: sums over all examples, which have labels.
        allowed_points: that it may cost.
    """
    lost = parity.only_reference - parity.only_onnx
    p = mcnemar_exact(parity.only_reference, parity.only_onnx)
    return AccuracyLoss(
        points=100 * lost / parity.examples,
        only_reference=parity.only_reference,
        only_onnx=parity.only_onnx,
        mcnemar_p=p,
        more_than_chance=lost > 0 and p < SIGNIFICANCE,
        allowed_points=allowed_points,
    )


def loss_of(opened: Opened, parity: Parity | None, allowed: float | None) -> AccuracyLoss | None:
    """Return what a reduced precision costs; None of float32, or without labels or a reference.

    Args:
        opened: the subject.
        parity: its sums beside the reference.
        allowed: points that it may cost; None: what was allowed when it was made.
    """
    reduced = opened.subject.model.precision not in ("float32", "float64")
    if not reduced or parity is None or not opened.dataset.labelled:
        return None
    return accuracy_loss(
        parity, opened.subject.allowed_accuracy_drop if allowed is None else allowed
    )


def loss_failures(loss: AccuracyLoss | None) -> list[str]:
    """Return a line where a reduced precision costs more than it may, and not by chance."""
    if loss is None or not loss.more_than_chance or loss.points <= loss.allowed_points:
        return []
    return [
        f"accuracy: the reduced precision loses {loss.points:.2f} points, more than chance"
        f" (McNemar's p = {loss.mcnemar_p:.2g}) and more than {loss.allowed_points:g}"
    ]
