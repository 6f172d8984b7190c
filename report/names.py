"""What evaluations and files are called in tables and legends."""

from artifacts.evaluation_records import Evaluation


def name_of(evaluation: Evaluation) -> str:
    """Return variant and provider in a few words."""
    return f"{evaluation.model.precision} on {evaluation.provider.requested}"
