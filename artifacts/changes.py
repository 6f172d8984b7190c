"""What counts as a change between two evaluations: more than chance and the machine explain."""

import math

from artifacts.accuracy_records import AccuracyRecord

Interval = tuple[float, float]

SIGNIFICANCE = 0.05  # an exact test's p below it is taken for more than chance

# Two measurements of the same file, minutes apart, differ by more than their own intervals say: of
# eight in a row, a third of the pairs did (ARCHITECTURE.md). The ratios to PyTorch of those that
# nothing disturbed had a standard deviation of 1.4%: this is 2.5 of those of a difference.
BETWEEN_RUNS = 0.05


def accuracy_change_interval(now: AccuracyRecord, was: AccuracyRecord) -> Interval:
    """Return the 95% interval of an accuracy less an earlier one, of two independent samples.

    Newcombe's hybrid score interval (1998, method 10), made of the two Wilson intervals. For two
    classifiers on the same examples it is wider than need be, so that it errs towards "no change".
    """
    share, earlier = now.correct / now.examples, was.correct / was.examples
    (low, high), (earlier_low, earlier_high) = now.ci95, was.ci95
    change = share - earlier
    return (
        change - math.hypot(share - low, earlier_high - earlier),
        change + math.hypot(high - share, earlier - earlier_low),
    )


def lies_below(first: Interval, second: Interval) -> bool:
    """Return whether one interval lies so far below another that two runs do not explain it."""
    return first[1] * (1 + BETWEEN_RUNS) < second[0]
