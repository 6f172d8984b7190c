"""What was found of one task of the study of losses, in sentences."""

from math import inf
from statistics import median

from artifacts.changes import SIGNIFICANCE
from artifacts.losses_records import LossesTask
from report.losses_plots import steps_told
from report.names import LOSS_NAMES
from report.numbers import count, percent, percent_interval


def task_told(task: LossesTask) -> str:
    """Return how much there was to learn from, and how long."""
    return (
        f"{len(task.classes)} classes ({', '.join(task.classes)}):"
        f" {count(task.train_examples, 'training image')},"
        f" {task.val_examples:,} for validation, {task.test_examples:,} for the test;"
        f" {count(task.epochs, 'epoch')}, {task.steps[-1]:,} steps."
    )


def paired_told(task: LossesTask) -> str:
    """Return on how many test images a seed's two networks differ, and whether that is chance."""
    paired = task.differences.paired
    chances = [one.mcnemar_p for one in paired]
    first = sum(one.only_cross_entropy for one in paired) / len(paired)
    second = sum(one.only_mse for one in paired) / len(paired)
    sure = sum(chance < SIGNIFICANCE for chance in chances)
    return (
        f"{len(task.classes)} classes: a seed's two networks differ in {first + second:.1f} test"
        f" images of {task.test_examples:,} on average: only cross-entropy has {first:.1f} of them"
        f" right, only mean squared error {second:.1f}. McNemar's exact test finds"
        f" p < {SIGNIFICANCE:g} in {sure} of {count(len(paired), 'seed')} (p from"
        f" {min(chances):.2g} to {max(chances):.2g})."
    )


def fastest_told(task: LossesTask) -> str:
    """Return how few steps each loss needs at its fastest learning rate."""
    told = []
    for outcome in task.outcomes:
        # A seed that never came so far needs more steps than all others.
        needed = [
            (median(inf if step is None else step for step in tried.steps_to_target), tried)
            for tried in outcome.rates
        ]
        steps, fastest = min(needed, key=lambda pair: pair[0])
        name = LOSS_NAMES[outcome.loss]
        told.append(
            f"{name} never"
            if steps == inf
            else f"{name} {steps:,.0f} (rate {fastest.learning_rate:g};"
            f" {steps_told(fastest.steps_to_target)})"
        )
    apart = task.steps[-1] / max(1, task.steps[-2]) - 1
    return (
        f"{len(task.classes)} classes: the fewest steps to {percent(task.target_accuracy)} at any"
        f" learning rate of the grid, by the median of the seeds: {', '.join(told)}. A count may be"
        f" {100 * apart:.0f}% too high, which is how far apart validations are."
    )


def gradient_told(task: LossesTask) -> str:
    """Return how long both gradients are where a mistake is sure."""
    found = task.mistakes
    return (
        f"{len(task.classes)} classes: where a wrong class has a probability of"
        f" {100 * found.confidences[-1]:.6g}%, the gradient's length is"
        f" {found.cross_entropy[-1]:.4g} with cross-entropy and {found.mse[-1]:.2g} with mean"
        f" squared error; automatic differentiation differs from the closed forms by at most"
        f" {found.largest_difference:.1e}. The most confident of the"
        f" {count(found.seen_of, 'real mistake')} on validation images{_seen_told(task)}"
    )


def _seen_told(task: LossesTask) -> str:
    found = task.mistakes
    if not found.seen_confidences:
        return ": there is none."
    confidence, cross_entropy, mse = max(
        zip(found.seen_confidences, found.seen_cross_entropy, found.seen_mse, strict=True)
    )
    return f" has {100 * confidence:.4g}% for the wrong class: {cross_entropy:.3g} and {mse:.2g}."


def wide_told(task: LossesTask) -> str:
    """Return what confidently wrong first weights lead to."""
    wide = task.wide_start
    told = [
        f"{LOSS_NAMES[outcome.loss]} {percent(best.val_accuracy.mean)}"
        f" ({percent_interval(best.val_accuracy.ci95)}; rate {best.learning_rate:g}; steps to"
        f" {percent(task.target_accuracy)}: {steps_told(best.steps_to_target)})"
        for outcome, best in zip(task.outcomes, wide.best, strict=True)
    ]
    seeds = count(len(wide.best[0].steps_to_target), "seed")
    return (
        f"{len(task.classes)} classes, from random weights so large that the outputs' root mean"
        f" square is {wide.scale:g} and most answers begin confidently wrong: after the same steps,"
        f" each loss at the rate that is best here, {seeds}, the validation accuracies are"
        f" {' and '.join(told)}."
    )


def surfaces_told(task: LossesTask) -> str:
    """Return the smallest curvature of both losses, and how far their planes bulge."""
    one = task.one_layer
    told = "; ".join(
        f"{LOSS_NAMES[line.loss]} {min(line.eigenvalues):.4g} (Hessians differ from the closed form"
        f" by at most {line.hessian_difference:.1e}, with entries up to {line.hessian_entry:.3g})"
        for line in one.lines
    )
    bulges = ", ".join(
        f"{LOSS_NAMES[outcome.loss]} {surface.highest_bulge:.2g}"
        for outcome, surface in zip(task.outcomes, task.surfaces, strict=True)
    )
    return (
        f"{len(task.classes)} classes, {one.components} principal components of"
        f" {count(one.examples, 'training image')}, float64: the smallest eigenvalue at"
        f" {len(one.scales)} points of a line through zero is: {told}. On the planes around the"
        f" solutions ({count(task.surface_examples, 'image')}) a point lies above the middle of its"
        f" neighbours by at most: {bulges}; a convex loss lies above it nowhere, but for rounding."
    )
