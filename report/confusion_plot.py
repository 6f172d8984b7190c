"""Which class is taken for which."""

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from artifacts.accuracy_records import AccuracyRecord
from report.drawing import GRID, INK, PAPER, SERIES, Plot, new_figure
from report.numbers import count, percent

MOST_DRAWN = 100  # classes: more are dots too small to see
MOST_NUMBERED = 20
MOST_LISTED = 20


def confusion_plot(accuracy: AccuracyRecord) -> Plot | None:
    """Return the confusion matrix of the ONNX file; None where it has too many classes to draw."""
    classes = [one.label for one in accuracy.per_class]
    if len(classes) > MOST_DRAWN:
        return None
    numbered = len(classes) <= MOST_NUMBERED
    with new_figure(5.0 if numbered else 5.4) as (figure, axes):
        for label, row in enumerate(accuracy.confusion):
            examples = sum(row)
            for predicted, number in enumerate(row):
                if number:
                    _draw_cell(axes, label, predicted, number / examples)
                if number and numbered:
                    axes.text(
                        predicted,
                        label,
                        f"{number}",
                        color=INK,
                        size=9 if len(classes) <= 10 else 7,
                        horizontalalignment="center",
                        verticalalignment="center",
                    )
        axes.set(
            xlim=(-0.5, len(classes) - 0.5),
            ylim=(len(classes) - 0.5, -0.5),
            xlabel="class that ONNX Runtime names",
            ylabel="label",
            aspect="equal",
        )
        axes.grid(visible=False)
        axes.set_facecolor(PAPER)
        for spine in axes.spines.values():
            spine.set(visible=True, color=GRID)
        if numbered:
            ticks = range(len(classes))
            rotation = 90 if max(map(len, classes)) > 2 else 0
            axes.set_xticks(ticks, classes, rotation=rotation, parse_math=False)
            axes.set_yticks(ticks, classes, parse_math=False)
        axes.tick_params(length=0)
    return Plot(
        name="confusion",
        title="Which class is taken for which",
        caption=_caption(accuracy, numbered=numbered),
        figure=figure,
        columns=("label", "named", "examples", "of that label"),
        rows=confusions(accuracy),
    )


def _draw_cell(axes: Axes, label: int, predicted: int, share: float) -> None:
    """Colour a cell by its share of the label's examples."""
    is_right = label == predicted
    # Mistakes are few beside what is right: the root of their share makes them seen.
    alpha = 0.25 + 0.35 * share if is_right else 0.15 + 0.7 * share**0.5
    corner = (predicted - 0.5, label - 0.5)
    colour = SERIES[0] if is_right else SERIES[1]
    axes.add_patch(Rectangle(corner, 1, 1, facecolor=colour, alpha=alpha, edgecolor="none"))


def confusions(accuracy: AccuracyRecord) -> list[tuple[str, str, str, str]]:
    """Return the most frequent mistakes: label, class named, how many, their share of the label."""
    names = [one.label for one in accuracy.per_class]
    pairs = [
        (number, label, predicted)
        for label, row in enumerate(accuracy.confusion)
        for predicted, number in enumerate(row)
        if number and label != predicted
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
    return [
        (
            names[label],
            names[predicted],
            str(number),
            percent(number / sum(accuracy.confusion[label])),
        )
        for number, label, predicted in pairs[:MOST_LISTED]
    ]


def _caption(accuracy: AccuracyRecord, *, numbered: bool) -> str:
    what = "Each square" if numbered else "The depth of each square"
    told = f"{what} counts test images: a label's row, the class that was named as the column."
    mistakes = confusions(accuracy)
    if not mistakes:
        return f"{told} Nothing lies beside the diagonal: no image was taken for another class."
    label, named, number, _ = mistakes[0]
    images = count(int(number), "image")
    return (
        f"{told} Blue is right, orange is not, and deeper is more. Most often, {label} was taken"
        f" for {named} ({images})."
    )
