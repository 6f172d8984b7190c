"""How well each class is known."""

from artifacts.accuracy_records import AccuracyRecord
from artifacts.statistics import wilson_interval
from report.drawing import MUTED, SERIES, Plot, in_percent, new_figure
from report.numbers import percent, percent_interval

MOST_CLASSES = 30  # of more the least known are drawn


def class_plot(accuracy: AccuracyRecord) -> Plot:
    """Return the accuracy of each class with its 95% Wilson interval, the least known first."""
    counted = [one for one in accuracy.per_class if one.examples]
    classes = sorted(counted, key=lambda one: one.correct / one.examples)
    drawn = classes[:MOST_CLASSES]
    with new_figure(0.9 + 0.3 * max(len(drawn), 4)) as (figure, axes):
        axes.axvline(accuracy.top1, color=MUTED, linewidth=1.2)
        for row, one in enumerate(drawn):
            share = one.correct / one.examples
            low, high = wilson_interval(one.correct, one.examples)
            axes.errorbar(
                share,
                row,
                xerr=[[share - low], [high - share]],
                color=SERIES[0],
                marker="o",
                markersize=5,
                capsize=3,
            )
        axes.set_yticks(range(len(drawn)), [one.label for one in drawn], parse_math=False)
        axes.set_ylim(len(drawn) - 0.5, -0.5)
        in_percent(axes.xaxis)
        axes.set(xlabel="accuracy", ylabel="label")
        axes.grid(visible=False, axis="y")
    left_out = len(classes) - len(drawn)
    return Plot(
        name="classes",
        title="Accuracy of each class",
        caption="The least known class is at the top; bars are 95% Wilson intervals, and the line"
        " is the accuracy of all. Even of classes that are known equally well one bar in twenty"
        " would miss the line by chance."
        + (f" {left_out} better known classes are not drawn." if left_out else ""),
        figure=figure,
        columns=("label", "right", "accuracy", "95% interval"),
        rows=[
            (
                one.label,
                f"{one.correct:,} of {one.examples:,}",
                percent(one.correct / one.examples),
                percent_interval(wilson_interval(one.correct, one.examples)),
            )
            for one in classes
        ],
    )
