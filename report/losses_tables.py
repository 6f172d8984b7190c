"""Tables of the study of losses: what each loss led to, and how far they differ."""

from artifacts.losses_records import Estimate, LossesTask, LossOutcome
from report.losses_plots import steps_told
from report.names import LOSS_NAMES
from report.numbers import percent, percent_interval
from report.tables import Table

NO_DIFFERENCE = "none beyond the seeds"


def outcomes_table(task: LossesTask) -> Table:
    """Return what each loss led to on the test examples."""
    return Table(
        caption=f"{len(task.classes)} classes, {task.test_examples:,} test images: mean of the"
        " seeds, in brackets its 95% interval",
        columns=(
            *("loss", "rate", "accuracy", "seeds from, to", "of other images (Wilson)"),
            *("ECE", "negative log-likelihood", "Brier score"),
            f"steps to {percent(task.target_accuracy)}",
        ),
        rows=[_outcome_row(one) for one in task.outcomes],
    )


def _outcome_row(one: LossOutcome) -> tuple[str, ...]:
    accuracy = one.accuracy
    return (
        LOSS_NAMES[one.loss],
        f"{one.learning_rate:g}" + (", the grid's edge" if one.is_at_edge else ""),
        f"{percent(accuracy.mean)} ({percent_interval(accuracy.ci95)})",
        percent_interval((accuracy.smallest, accuracy.largest)),
        percent_interval(one.accuracy_ci95),
        points_told(one.calibration_error),
        number_told(one.negative_log_likelihood),
        number_told(one.brier_score),
        steps_told(one.chosen.steps_to_target),
    )


def differences_table(task: LossesTask) -> Table:
    """Return cross-entropy's figures less those of mean squared error, seed by seed."""
    found = task.differences
    return Table(
        caption=f"{len(task.classes)} classes: cross-entropy less mean squared error, seed by seed",
        columns=("figure", "difference", "better"),
        rows=[
            ("accuracy", points_told(found.accuracy), better(found.accuracy, more_is_better=True)),
            ("ECE", points_told(found.calibration_error), better(found.calibration_error)),
            (
                "negative log-likelihood",
                number_told(found.negative_log_likelihood),
                better(found.negative_log_likelihood),
            ),
            ("Brier score", number_told(found.brier_score), better(found.brier_score)),
        ],
    )


def better(difference: Estimate, *, more_is_better: bool = False) -> str:
    """Return which loss is better where the 95% interval of the difference does not hold zero."""
    low, high = difference.ci95
    if low <= 0 <= high:
        return NO_DIFFERENCE
    return LOSS_NAMES["cross-entropy" if (low > 0) == more_is_better else "mse-of-probabilities"]


def points_told(estimate: Estimate) -> str:
    """Return a fraction in percentage points, with the interval of its mean."""
    low, high = estimate.ci95
    return f"{100 * estimate.mean:.2f} points ({100 * low:.2f} to {100 * high:.2f})"


def number_told(estimate: Estimate) -> str:
    """Return a number with the interval of its mean."""
    low, high = estimate.ci95
    return f"{estimate.mean:.4f} ({low:.4f} to {high:.4f})"
