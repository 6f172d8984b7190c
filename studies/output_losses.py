"""Losses of a network's outputs, with gradient and curvature in the outputs in closed form.

Of an example, z [K] are the outputs, p their softmax, y the label's unit vector, and J is
diag(p) - p p^T:

    loss                    value       gradient       curvature (Hessian)
    cross-entropy           -log p_y    p - y          J
    mse-of-outputs          |z - y|^2   2 (z - y)      2 I
    mse-of-probabilities    |p - y|^2   2 J (p - y)    2 J J + 2 sum_k (p_k - y_k) H_k

where H_k = p_k ((e_k - p)(e_k - p)^T - J) is the Hessian of p_k. The first two curvatures are
positive semidefinite whatever z is; the third is not. `mse-of-probabilities` is Brier's score
(1950), and what `train --loss mse` makes small. Squares are summed over the classes in both.
"""

import torch
from torch import Tensor, nn

from artifacts.study_records import StudiedLoss


def losses_of(loss: StudiedLoss, outputs_NK: Tensor, labels_N: Tensor) -> Tensor:
    """Return each example's loss, [N]; N may be several axes, of the same sizes in both."""
    if loss == "cross-entropy":
        log_chances_NK = torch.log_softmax(outputs_NK, dim=-1)
        return -log_chances_NK.gather(-1, labels_N.unsqueeze(-1)).squeeze(-1)
    found_NK = outputs_NK if loss == "mse-of-outputs" else torch.softmax(outputs_NK, dim=-1)
    return (found_NK - units_of(labels_N, found_NK)).square().sum(dim=-1)


def output_gradient(loss: StudiedLoss, outputs_NK: Tensor, labels_N: Tensor) -> Tensor:
    """Return the gradient of each example's loss in its outputs, [N, K]."""
    units_NK = units_of(labels_N, outputs_NK)
    if loss == "mse-of-outputs":
        return 2 * (outputs_NK - units_NK)
    chances_NK = torch.softmax(outputs_NK, dim=-1)
    errors_NK = chances_NK - units_NK
    if loss == "cross-entropy":
        return errors_NK
    mean_error_N1 = (chances_NK * errors_NK).sum(dim=-1, keepdim=True)
    return 2 * chances_NK * (errors_NK - mean_error_N1)


def output_curvature(loss: StudiedLoss, outputs_NK: Tensor, labels_N: Tensor) -> Tensor:
    """Return the Hessian of each example's loss in its outputs, [N, K, K]."""
    examples, classes = outputs_NK.shape
    if loss == "mse-of-outputs":
        return 2 * torch.eye(classes).to(outputs_NK).expand(examples, -1, -1)
    chances_NK = torch.softmax(outputs_NK, dim=1)
    covariance_NKK = torch.diag_embed(chances_NK) - _outer(chances_NK, chances_NK)  # J
    if loss == "cross-entropy":
        return covariance_NKK
    pulls_NK = (chances_NK - units_of(labels_N, chances_NK)) * chances_NK
    pull_N11 = pulls_NK.sum(dim=1)[:, None, None]
    crossed_NKK = _outer(pulls_NK, chances_NK)
    of_chances_NKK = (  # sum_k (p_k - y_k) H_k
        torch.diag_embed(pulls_NK)
        - crossed_NKK
        - crossed_NKK.transpose(1, 2)
        + pull_N11 * (_outer(chances_NK, chances_NK) - covariance_NKK)
    )
    return 2 * covariance_NKK @ covariance_NKK + 2 * of_chances_NKK


def units_of(labels_N: Tensor, outputs_NK: Tensor) -> Tensor:
    """Return the labels' unit vectors, in the dtype and with the classes of the outputs."""
    return nn.functional.one_hot(labels_N, outputs_NK.shape[-1]).to(outputs_NK)


def _outer(first_NK: Tensor, second_NK: Tensor) -> Tensor:
    return first_NK[:, :, None] * second_NK[:, None, :]
