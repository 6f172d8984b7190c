"""How hard each loss pulls at an example that is confidently taken for a wrong class.

The gradient in the outputs is p - y for cross-entropy. For mean squared error of the probabilities
it is 2 J (p - y): the softmax's own derivative J = diag(p) - p p^T comes before it, and J vanishes
where the softmax is sure, be it right or wrong. The gradient in the weights is this times the
example's inputs, the same factor for both losses.
"""

import torch
from torch import Tensor

from artifacts.losses_records import ConfidentMistakes
from artifacts.study_records import StudiedLoss
from studies.output_losses import losses_of, output_gradient

LOSSES: tuple[StudiedLoss, ...] = ("cross-entropy", "mse-of-probabilities")
MARGINS = tuple(step / 2 for step in range(33))  # of the wrong class's output over all others
MOST_SEEN = 200


def confident_mistakes(
    outputs_NK: Tensor, labels_N: Tensor, *, margins: tuple[float, ...] = MARGINS
) -> ConfidentMistakes:
    """Return both losses' gradient norms, by theory and at mistakes that were really made.

    Args:
        outputs_NK: of a trained network, on examples that it was not trained on.
        labels_N: of them.
        margins: at which the norms are computed.
    """
    outputs_QK = wrong_outputs(margins, outputs_NK.shape[1])
    labels_Q = torch.zeros(len(margins), dtype=torch.int64)
    norms = {loss: output_gradient(loss, outputs_QK, labels_Q).norm(dim=1) for loss in LOSSES}
    outputs_MK, labels_M, all_mistakes = _mistakes(outputs_NK.double(), labels_N)
    seen = {loss: output_gradient(loss, outputs_MK, labels_M).norm(dim=1) for loss in LOSSES}
    return ConfidentMistakes(
        confidences=_floats(torch.softmax(outputs_QK, dim=1)[:, 1]),
        cross_entropy=_floats(norms["cross-entropy"]),
        mse=_floats(norms["mse-of-probabilities"]),
        largest_difference=max(
            _difference_from_autograd(loss, outputs, labels)
            for loss in LOSSES
            for outputs, labels in ((outputs_QK, labels_Q), (outputs_MK, labels_M))
        ),
        seen_confidences=_floats(torch.softmax(outputs_MK, dim=1).max(dim=1).values),
        seen_cross_entropy=_floats(seen["cross-entropy"]),
        seen_mse=_floats(seen["mse-of-probabilities"]),
        seen_of=all_mistakes,
    )


def wrong_outputs(margins: tuple[float, ...], classes: int) -> Tensor:
    """Return outputs_QK, float64, where class 1 leads by each margin; the label is class 0."""
    outputs_QK = torch.zeros(len(margins), classes, dtype=torch.float64)
    outputs_QK[:, 1] = torch.tensor(margins, dtype=torch.float64)
    return outputs_QK


def _mistakes(outputs_NK: Tensor, labels_N: Tensor) -> tuple[Tensor, Tensor, int]:
    """Return at most 200 examples that are wrong, of all confidences, and how many there are."""
    is_wrong_N = outputs_NK.argmax(dim=1) != labels_N
    outputs_NK, labels_N = outputs_NK[is_wrong_N], labels_N[is_wrong_N]
    order = torch.softmax(outputs_NK, dim=1).max(dim=1).values.argsort()
    every = -(-len(order) // MOST_SEEN) or 1
    chosen = order.flip(0)[::every]  # the most confident one among them
    return outputs_NK[chosen], labels_N[chosen], len(order)


def _difference_from_autograd(loss: StudiedLoss, outputs_NK: Tensor, labels_N: Tensor) -> float:
    """Return how far the closed form is from automatic differentiation, in any component."""
    if not len(labels_N):
        return 0.0
    outputs_NK = outputs_NK.detach().requires_grad_(True)
    (found_NK,) = torch.autograd.grad(losses_of(loss, outputs_NK, labels_N).sum(), outputs_NK)
    return float((found_NK - output_gradient(loss, outputs_NK.detach(), labels_N)).abs().max())


def _floats(values: Tensor) -> tuple[float, ...]:
    return tuple(values.tolist())
