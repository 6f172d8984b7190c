"""What a reduced precision costs in accuracy, and whether that is more than chance."""

from artifacts.evaluation_records import AccuracyLoss
from evaluate.parity import Parity
from evaluate.statistics import mcnemar_exact

SIGNIFICANCE = 0.05


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
