"""How a training went: losses and accuracies by epoch."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from artifacts.accuracy_records import AccuracyRecord
from artifacts.training_records import Epoch
from report.drawing import INK, MARKERS, MUTED, SERIES, Plot, in_percent, legend_above, new_figure
from report.numbers import percent

_FEW_EPOCHS = 30  # each has a mark of its own
SPLITS = ("training", "validation", "test")
Curves = Sequence[Sequence[float | None]]  # of each split, a value an epoch


def training_plots(
    history: Sequence[Epoch], best_epoch: int, tested: AccuracyRecord | None
) -> tuple[Plot, Plot]:
    """Return the plots of loss and of accuracy.

    Args:
        history: at least one epoch.
        best_epoch: whose weights were kept.
        tested: what PyTorch's kept weights reach on the test split, where that was measured.
    """
    return _loss_plot(history, best_epoch), _accuracy_plot(history, best_epoch, tested)


def _loss_plot(history: Sequence[Epoch], best_epoch: int) -> Plot:
    curves: Curves = [
        [epoch.train_loss for epoch in history],
        [epoch.val_loss for epoch in history],
        [epoch.test_loss for epoch in history],
    ]
    with new_figure() as (figure, axes):
        _draw(axes, history, best_epoch, curves, rises=False)
        axes.set_ylabel("loss")
        values = [value for curve in curves for value in curve if value is not None]
        if min(values) > 0 and max(values) > 20 * min(values):
            axes.set_yscale("log")
        legend_above(figure)
    return Plot(
        name="loss",
        title="Loss by epoch",
        caption="Mean loss of an example. The training loss is taken before each step, on images"
        " that were changed at random and with the recipe's label smoothing; so it may well lie"
        f" above the others. {_best_line(best_epoch)}",
        figure=figure,
        columns=("epoch", *SPLITS),
        rows=_rows(history, curves, lambda value: f"{value:.4f}"),
    )


def _accuracy_plot(
    history: Sequence[Epoch], best_epoch: int, tested: AccuracyRecord | None
) -> Plot:
    curves: Curves = [
        [epoch.train_accuracy for epoch in history],
        [epoch.val_accuracy for epoch in history],
        [epoch.test_accuracy for epoch in history],
    ]
    has_curve = any(value is not None for value in curves[2])
    with new_figure() as (figure, axes):
        _draw(axes, history, best_epoch, curves, rises=True)
        if tested is not None and not has_curve:
            low, high = tested.ci95
            axes.errorbar(
                best_epoch,
                tested.top1,
                yerr=[[tested.top1 - low], [high - tested.top1]],
                color=SERIES[2],
                marker=MARKERS[2],
                capsize=3,
                linestyle="none",
                label="test, kept weights",
            )
        axes.set_ylabel("accuracy")
        in_percent(axes.yaxis)
        legend_above(figure)
    return Plot(
        name="accuracy",
        title="Accuracy by epoch",
        caption=f"{_best_line(best_epoch)} {_test_line(tested, has_curve=has_curve)}",
        figure=figure,
        columns=("epoch", *SPLITS),
        rows=_rows(history, curves, percent),
    )


def _draw(
    axes: Axes,
    history: Sequence[Epoch],
    best_epoch: int,
    curves: Curves,
    *,
    rises: bool,
) -> None:
    axes.axvline(best_epoch, color=MUTED, linewidth=1, linestyle=(0, (2, 2)))
    for number, (name, curve) in enumerate(zip(SPLITS, curves, strict=True)):
        points = [
            (epoch.epoch, value)
            for epoch, value in zip(history, curve, strict=True)
            if value is not None
        ]
        if points:
            axes.plot(
                *zip(*points, strict=True),
                color=SERIES[number],
                marker=MARKERS[number] if len(points) <= _FEW_EPOCHS else None,
                markersize=3.5,
                linewidth=1.5,
                label=name,
            )
    axes.set(xlabel="epoch", xlim=(0.5, len(history) + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.annotate(
        "kept",
        (best_epoch, 0.0 if rises else 1.0),  # where the curves are not
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        xytext=(-3, 4 if rises else -4),
        rotation=90,
        horizontalalignment="right",
        verticalalignment="bottom" if rises else "top",
        size=8,
        color=INK,
    )


def _rows(
    history: Sequence[Epoch],
    curves: Curves,
    written: Callable[[float], str],
) -> list[tuple[str, ...]]:
    return [
        (
            str(epoch.epoch),
            *("not recorded" if value is None else written(value) for value in values),
        )
        for epoch, values in zip(history, zip(*curves, strict=True), strict=True)
    ]


def _best_line(best_epoch: int) -> str:
    return f"The weights of epoch {best_epoch} were kept: the best on the validation split."


def _test_line(tested: AccuracyRecord | None, *, has_curve: bool) -> str:
    if has_curve:
        return "The test split was measured after each epoch, and nothing was chosen by it."
    how = "train with --test-curve to have it measured after each epoch"
    if tested is None:
        return f"The test split was not measured: evaluate; {how}."
    return (
        "The test split was measured once, with the kept weights (its bar is the 95% interval);"
        f" {how}."
    )
