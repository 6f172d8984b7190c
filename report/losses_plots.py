"""Plots of the study of losses: speed, learning rates, gradients, surfaces, curvature."""

from collections.abc import Callable, Sequence

from matplotlib.ticker import FuncFormatter

from artifacts.losses_records import LineOfLoss, LossesTask, LossOutcome
from artifacts.study_records import StudiedLoss, Surface
from report.drawing import MARKERS, MUTED, SERIES, Plot, in_percent, legend_above, new_figure
from report.names import LOSS_NAMES
from report.numbers import percent, percent_interval
from report.surface_plot import surface_plot


def _told(task: LossesTask) -> str:
    return f"{len(task.classes)} classes"


def _name(what: str, task: LossesTask) -> str:
    return f"{what}-{len(task.classes)}"


def speed_plot(task: LossesTask) -> Plot:
    """Return how validation accuracy grows with the steps."""
    rows = []
    with new_figure() as (figure, axes):
        steps = [max(step, 0.5) for step in task.steps]  # zero has no place on this axis
        for number, one in enumerate(task.outcomes):
            lows, highs = zip(*one.val_accuracy_range, strict=True)
            axes.fill_between(steps, lows, highs, color=SERIES[number], alpha=0.2, linewidth=0)
            axes.plot(
                steps,
                one.val_accuracy,
                color=SERIES[number],
                marker=MARKERS[number],
                markersize=3,
                linewidth=1.2,
                label=LOSS_NAMES[one.loss],
            )
            rows += [
                (LOSS_NAMES[one.loss], f"{step:,}", percent(mean), percent_interval(ends))
                for step, mean, ends in zip(
                    task.steps, one.val_accuracy, one.val_accuracy_range, strict=True
                )
            ]
        axes.axhline(task.target_accuracy, color=MUTED, linewidth=1, linestyle=(0, (2, 2)))
        axes.set_xscale("log")
        axes.set(xlabel="steps (the first mark is before any)", ylabel="validation accuracy")
        in_percent(axes.yaxis)
        legend_above(figure)
    return Plot(
        name=_name("speed", task),
        title=f"Accuracy by step, {_told(task)}",
        caption="Mean over the seeds, each loss at its own best learning rate; the band is from the"
        f" worst seed to the best. Dotted: {percent(task.target_accuracy)}, whose steps are"
        " counted.",
        figure=figure,
        columns=("loss", "step", "validation accuracy", "of the seeds"),
        rows=rows,
    )


def rates_plot(task: LossesTask) -> Plot:
    """Return validation accuracy by learning rate."""
    rows = []
    with new_figure() as (figure, axes):
        for number, one in enumerate(task.outcomes):
            rates = [tried.learning_rate for tried in one.rates]
            means = [tried.val_accuracy.mean for tried in one.rates]
            axes.errorbar(
                rates,
                means,
                yerr=_bars(one),
                color=SERIES[number],
                marker=MARKERS[number],
                markersize=4,
                linewidth=1.2,
                capsize=2.5,
                label=LOSS_NAMES[one.loss],
            )
            rows += [
                (
                    LOSS_NAMES[one.loss],
                    f"{tried.learning_rate:g}",
                    percent(tried.val_accuracy.mean),
                    percent_interval(tried.val_accuracy.ci95),
                    steps_told(tried.steps_to_target),
                )
                for tried in one.rates
            ]
        axes.set_xscale("log")
        axes.set(xlabel="learning rate", ylabel="validation accuracy, last step")
        in_percent(axes.yaxis)
        legend_above(figure)
    return Plot(
        name=_name("rates", task),
        title=f"Accuracy by learning rate, {_told(task)}",
        caption="After the last step, mean over the seeds with its 95% interval. Each loss was"
        " given the rate that is best for it.",
        figure=figure,
        columns=("loss", "rate", "accuracy", "95% interval", "steps to the target"),
        rows=rows,
    )


def _bars(one: LossOutcome) -> tuple[list[float], list[float]]:
    estimates = [tried.val_accuracy for tried in one.rates]
    return [e.mean - e.ci95[0] for e in estimates], [e.ci95[1] - e.mean for e in estimates]


def steps_told(steps: Sequence[int | None]) -> str:
    """Return the least and the most steps of the seeds, and how many did not come so far."""
    reached = [step for step in steps if step is not None]
    if not reached:
        return "never"
    missing = len(steps) - len(reached)
    told = f"{min(reached):,} to {max(reached):,}"
    return f"{told}; {missing} of {len(steps)} seeds never" if missing else told


def gradient_plot(task: LossesTask) -> Plot:
    """Return how long the gradient is where a wrong class is probable."""
    mistakes = task.mistakes
    drawn = (
        (mistakes.cross_entropy, mistakes.seen_cross_entropy),
        (mistakes.mse, mistakes.seen_mse),
    )
    with new_figure() as (figure, axes):
        for number, (outcome, (norms, seen)) in enumerate(zip(task.outcomes, drawn, strict=True)):
            colour, name = SERIES[number], LOSS_NAMES[outcome.loss]
            doubts = [1 - confidence for confidence in mistakes.confidences]
            axes.plot(doubts, norms, color=colour, linewidth=1.4, label=name)
            axes.plot(
                [1 - confidence for confidence in mistakes.seen_confidences],
                seen,
                color=colour,
                marker=MARKERS[number],
                markersize=3,
                linestyle="none",
                alpha=0.6,
                label=f"{name}, at real mistakes" if seen else None,
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.invert_xaxis()
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * (1 - value):.8g}%"))
        axes.tick_params(axis="x", labelsize=7.5)
        axes.set(xlabel="probability of a wrong class", ylabel="length of the gradient")
        legend_above(figure, columns=2)
    return Plot(
        name=_name("gradient", task),
        title=f"How hard a loss pulls at a confident mistake, {_told(task)}",
        caption="Length of the gradient in the outputs, by its closed form, where the wrong class"
        " has that probability and all others share the rest; marks: validation images that the"
        f" first seed's network gets wrong ({len(mistakes.seen_mse)} of {mistakes.seen_of}).",
        figure=figure,
        columns=("probability of the wrong class", "cross-entropy", "mean squared error"),
        rows=[
            (f"{100 * confidence:.6f}%", f"{one:.3g}", f"{other:.3g}")
            for confidence, one, other in zip(
                mistakes.confidences, mistakes.cross_entropy, mistakes.mse, strict=True
            )
        ],
    )


def plane_plots(task: LossesTask) -> list[Plot]:
    """Return each loss around the solution that it led to."""
    return [
        _plane_plot(task, outcome.loss, surface)
        for outcome, surface in zip(task.outcomes, task.surfaces, strict=True)
    ]


def _plane_plot(task: LossesTask, loss: StudiedLoss, surface: Surface) -> Plot:
    return surface_plot(
        surface,
        name=_name(f"plane-{loss}", task),
        title=f"{LOSS_NAMES[loss].capitalize()} around its own solution, {_told(task)}",
        caption="Mean loss of training images with the first seed's solution: its own weights are"
        " added so many times, and random weights whose norm in each class's row is the same. At"
        " -1 the solution's weights are zero, at -2 every answer is turned round.",
        axes_names=("times the solution, added", "times random weights, added"),
        marks={"solution": (0, 0), "zero": (-1, 0), "negated": (-2, 0)},
    )


def line_plot(task: LossesTask) -> Plot:
    """Return both losses along a line through zero."""
    return _along_line(
        task,
        name="line",
        title=f"The losses along a line through zero, {_told(task)}",
        caption="The classifier of least squares on principal components, times a number: negative"
        " numbers turn its answers round. Cross-entropy is a convex curve; mean squared error goes"
        " flat where mistakes are confident.",
        ylabel="loss",
        values=lambda line: line.losses,
    )


def curvature_plot(task: LossesTask) -> Plot:
    """Return their smallest curvature along the same line."""
    return _along_line(
        task,
        name="curvature",
        title=f"Smallest curvature along the same line, {_told(task)}",
        caption="Smallest eigenvalue of the Hessian in the weights of the one layer. Below zero the"
        " loss is curved downwards in some direction.",
        ylabel="smallest eigenvalue",
        values=lambda line: line.eigenvalues,
    )


def _along_line(
    task: LossesTask,
    *,
    name: str,
    title: str,
    caption: str,
    ylabel: str,
    values: Callable[[LineOfLoss], Sequence[float]],
) -> Plot:
    one_layer = task.one_layer
    with new_figure() as (figure, axes):
        axes.axhline(0, color=MUTED, linewidth=1)
        for number, line in enumerate(one_layer.lines):
            axes.plot(
                one_layer.scales,
                values(line),
                color=SERIES[number],
                marker=MARKERS[number],
                markersize=3,
                linewidth=1.2,
                label=LOSS_NAMES[line.loss],
            )
        axes.set(xlabel="root mean square of the outputs; negative: turned round", ylabel=ylabel)
        legend_above(figure)
    columns = [values(line) for line in one_layer.lines]
    return Plot(
        name=_name(name, task),
        title=title,
        caption=caption,
        figure=figure,
        columns=("scale", *(LOSS_NAMES[line.loss] for line in one_layer.lines)),
        rows=[
            (f"{scale:g}", *(f"{value:.4g}" for value in found))
            for scale, *found in zip(one_layer.scales, *columns, strict=True)
        ],
    )
