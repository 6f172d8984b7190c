"""Networks side by side as pictures: accuracy against what it costs, and how it was learnt."""

import itertools
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from artifacts.architecture_records import ArchitectureStudy, StudiedNetwork
from artifacts.training_records import Epoch
from report.architecture_advice import taken
from report.drawing import MARKERS, SERIES, Plot, legend_above, new_figure, scale_for_ratios
from report.numbers import milliseconds, milliseconds_interval, percent, percent_interval
from report.pareto import Point, points_at

ERROR_BARS = "Bars are 95% intervals: Wilson's of the accuracy"


def latency_plot(study: ArchitectureStudy, batch_size: int) -> Plot:
    """Return accuracy against the median latency of batches of a size that all timed."""
    evaluations = [network.evaluation for network in study.networks]
    points = {point.name: point for point in points_at(evaluations, batch_size)}
    timed = [network for network in study.networks if network.name in points]
    to_take = taken(study.advice).get(batch_size, ())
    with new_figure(3.4) as (figure, axes):
        for network in timed:
            point = points[network.name]
            low, high = point.p50_ci95_ms or (point.p50_ms, point.p50_ms)
            errors = (max(0.0, point.p50_ms - low), max(0.0, high - point.p50_ms))
            is_taken = network.name in to_take
            _draw(axes, study, network, point.p50_ms, errors, is_filled=is_taken)
        _name_accuracy(axes)
        scale_for_ratios(axes, "x")
        axes.set_xlabel("median latency, ms (less is better)")
        legend_above(figure)
    return Plot(
        name=f"accuracy-latency-{batch_size}",
        title=f"Accuracy against latency, batches of {batch_size}",
        caption="Up and to the left is better. A filled mark is a network to take: it gets more"
        " images right, beyond chance, than every faster one to take. An empty mark is beaten by"
        f" one of those. {ERROR_BARS}, by bootstrap of the median latency.",
        figure=figure,
        columns=("network", "accuracy", "95% interval", "median", "95% interval", "take it"),
        rows=[
            (*_accuracy(network), *_latency(points[network.name]), _yes(network.name in to_take))
            for network in timed
        ],
    )


def multiply_adds_plot(study: ArchitectureStudy) -> Plot:
    """Return accuracy against the multiply-adds of one image."""
    with new_figure(3.4) as (figure, axes):
        for network in study.networks:
            millions = network.multiply_adds / 1e6
            _draw(axes, study, network, millions, (0.0, 0.0), is_filled=True)
        _name_accuracy(axes)
        scale_for_ratios(axes, "x")
        axes.set_xlabel("multiply-adds of one image, millions")
        legend_above(figure)
    return Plot(
        name="accuracy-multiply-adds",
        title="Accuracy against arithmetic",
        caption=f"What more arithmetic brought on these images, with this budget. {ERROR_BARS}.",
        figure=figure,
        columns=("network", "accuracy", "95% interval", "multiply-adds"),
        rows=[(*_accuracy(one), f"{one.multiply_adds:,}") for one in study.networks],
    )


def learning_plots(study: ArchitectureStudy) -> tuple[Plot, Plot]:
    """Return validation accuracy by images seen, and by seconds of training."""
    with new_figure(3.4) as (by_images, axes):
        for network in study.networks:
            seen = [epoch.epoch * study.train_examples for epoch in network.history]
            _draw_curve(axes, study, network, seen)
        axes.set_xlabel("training images seen")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        legend_above(by_images)
    with new_figure(3.4) as (by_seconds, axes):
        for network in study.networks:
            _draw_curve(axes, study, network, seconds_after(network.history))
        scale_for_ratios(axes, "x")
        axes.set_xlabel("seconds of training and validation")
        legend_above(by_seconds)
    columns = ("network", "epoch", "images seen", "seconds", "validation accuracy")
    rows = [row for network in study.networks for row in _curve_rows(study, network)]
    return (
        Plot(
            name="learning-by-images",
            title="Validation accuracy by images seen",
            caption="A mark an epoch. All networks saw the same images equally often."
            + _what_the_end_tells(study),
            figure=by_images,
            columns=columns,
            rows=rows,
        ),
        Plot(
            name="learning-by-seconds",
            title="Validation accuracy by seconds",
            caption="The same marks, by the time that they took on this machine.",
            figure=by_seconds,
            columns=columns,
            rows=rows,
        ),
    )


def seconds_after(history: Sequence[Epoch]) -> list[float]:
    """Return the seconds from the start of a training to the end of each epoch."""
    return list(itertools.accumulate(epoch.seconds for epoch in history))


def _draw(
    axes: Axes,
    study: ArchitectureStudy,
    network: StudiedNetwork,
    place: float,
    errors: tuple[float, float],
    *,
    is_filled: bool,
) -> None:
    colour, marker = _look(study, network)
    share, (low, high) = network.accuracy.top1, network.accuracy.ci95
    axes.errorbar(
        place,
        100 * share,
        xerr=[[errors[0]], [errors[1]]],
        yerr=[[100 * (share - low)], [100 * (high - share)]],
        color=colour,
        marker=marker,
        markersize=7,
        markerfacecolor=colour if is_filled else "none",
        capsize=3,
        linestyle="none",
        label=network.name,
    )


def _draw_curve(
    axes: Axes, study: ArchitectureStudy, network: StudiedNetwork, places: Sequence[float]
) -> None:
    colour, marker = _look(study, network)
    percents = [100 * epoch.val_accuracy for epoch in network.history]
    axes.plot(places, percents, color=colour, marker=marker, markersize=4, label=network.name)
    axes.set_ylabel("validation accuracy, %")


def _look(study: ArchitectureStudy, network: StudiedNetwork) -> tuple[str, str]:
    number = [one.name for one in study.networks].index(network.name)
    return SERIES[number % len(SERIES)], MARKERS[number % len(MARKERS)]


def _name_accuracy(axes: Axes) -> None:
    axes.set_ylabel("test accuracy, %")
    axes.margins(0.15)


def _accuracy(network: StudiedNetwork) -> tuple[str, str, str]:
    accuracy = network.accuracy
    return network.name, percent(accuracy.top1), percent_interval(accuracy.ci95)


def _latency(point: Point) -> tuple[str, str]:
    return milliseconds(point.p50_ms), milliseconds_interval(point.p50_ci95_ms)


def _what_the_end_tells(study: ArchitectureStudy) -> str:
    """Return why the last marks alone tell what a budget gives, where the schedule makes it so."""
    schedules = {network.hyperparameters.schedule for network in study.networks}
    if schedules != {"one-cycle"}:
        return ""
    return (
        " The learning rate falls to nothing towards the end, so the last marks are what this"
        " budget gives; those before them are not what a shorter training would."
    )


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _curve_rows(study: ArchitectureStudy, network: StudiedNetwork) -> list[tuple[str, ...]]:
    return [
        (
            network.name,
            str(epoch.epoch),
            f"{epoch.epoch * study.train_examples:,}",
            f"{seconds:,.1f}",
            percent(epoch.val_accuracy),
        )
        for epoch, seconds in zip(network.history, seconds_after(network.history), strict=True)
    ]
