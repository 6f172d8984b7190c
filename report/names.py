"""What evaluations, files and losses are called in tables and legends."""

from artifacts.evaluation_records import Evaluation
from artifacts.study_records import StudiedLoss

# Each study knows one of the two squared errors, and says which.
LOSS_NAMES: dict[StudiedLoss, str] = {
    "cross-entropy": "cross-entropy",
    "mse-of-outputs": "mean squared error",
    "mse-of-probabilities": "mean squared error",
}


def name_of(evaluation: Evaluation) -> str:
    """Return variant and provider in a few words."""
    return f"{evaluation.model.precision} on {evaluation.provider.requested}"
