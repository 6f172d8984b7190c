"""How far the two sides' logits are apart, beside what the tolerance allows."""

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import LogLocator

from artifacts.evaluation_records import Evaluation
from artifacts.parity_records import ParityRecord
from report.drawing import INK, SERIES, Plot, in_percent, legend_above, new_figure
from report.names import name_of
from report.numbers import small

SMALLEST = 2.0**-60  # what is below is counted together with zero


def difference_plot(evaluations: Sequence[Evaluation]) -> Plot | None:
    """Return the histogram of logit differences; None where no evaluation has recorded one."""
    measured = [
        (name_of(evaluation), evaluation.parity)
        for evaluation in evaluations
        if evaluation.parity and why_not_drawn(evaluation) is None
    ]
    if not measured:
        return None
    with new_figure() as (figure, axes):
        for number, (name, parity) in enumerate(measured):
            colour = SERIES[number % len(SERIES)]
            edges, shares = _shares(parity)
            axes.stairs(shares, edges, color=colour, linewidth=1.4, label=name)
            axes.stairs(shares, edges, color=colour, fill=True, alpha=0.15)
            axes.axvline(parity.atol, color=colour, linewidth=1.4, linestyle=(0, (4, 2)))
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(numticks=8))
        in_percent(axes.yaxis)
        axes.set(xlabel="difference of a logit, by its size", ylabel="share of all logits")
        axes.set_ylim(bottom=0)
        right = max(max(p.atol, p.max_abs or 0) for _, p in measured) * 4
        left = min(float(_shares(parity)[0][0]) for _, parity in measured)
        axes.set_xlim(left, right)
        top = axes.get_ylim()[1]
        axes.annotate(
            "allowed",
            (measured[0][1].atol, top),
            textcoords="offset points",
            xytext=(-3, -2),
            rotation=90,
            size=8,
            color=INK,
            horizontalalignment="right",
            verticalalignment="top",
        )
        if len(measured) > 1:
            legend_above(figure)
    return Plot(
        name="differences",
        title="Differences of logits against the tolerance",
        caption="Every logit of every test image, ONNX Runtime's beside the reference's. Dashed:"
        " the tolerance of a logit near zero; of larger ones it allows more, relative to their"
        f" size. {_zeros(measured)}",
        figure=figure,
        columns=("evaluation", "mean", "99% are at most", "largest", "allowed near zero", "zero"),
        rows=[_row(name, parity) for name, parity in measured],
    )


def why_not_drawn(evaluation: Evaluation) -> str | None:
    """Return why an evaluation has no histogram, in a sentence; None where it has one."""
    name, parity = name_of(evaluation), evaluation.parity
    if parity is None:
        return f"{name}: there is no reference, so no difference is known."
    if parity.nonfinite:
        return f"{name}: some logits are no finite numbers, so their differences are not drawn."
    if parity.difference_counts is None:
        return f"{name}: this older evaluation did not record its differences by size."
    if not _counts(parity):
        return f"{name}: all logits are equal to the reference's, to the last bit."
    return None


def _counts(parity: ParityRecord) -> list[tuple[float, int]]:
    """Return what is drawn: bins of differences that are not zero."""
    return [
        (one.below, one.count) for one in parity.difference_counts or () if one.below > SMALLEST
    ]


def _zero_share(parity: ParityRecord) -> float:
    counts = parity.difference_counts or ()
    zeros = sum(one.count for one in counts if one.below <= SMALLEST)
    return zeros / sum(one.count for one in counts)


def _shares(parity: ParityRecord) -> tuple[np.ndarray, np.ndarray]:
    bins = _counts(parity)
    edges = np.array([bins[0][0] / 2, *(below for below, _ in bins)])
    total = sum(one.count for one in parity.difference_counts or ())
    return edges, np.array([number / total for _, number in bins])


def _zeros(measured: Sequence[tuple[str, ParityRecord]]) -> str:
    told = [
        f"{100 * _zero_share(parity):.1f}%" + (f" ({name})" if len(measured) > 1 else "")
        for name, parity in measured
    ]
    return f"Not drawn: logits that are equal to the last bit, {', '.join(told)}."


def _row(name: str, parity: ParityRecord) -> tuple[str, ...]:
    return (
        name,
        small(parity.mean_abs),
        small(parity.p99_abs),
        small(parity.max_abs),
        f"{parity.atol:g} ({parity.tolerance})",
        f"{100 * _zero_share(parity):.1f}%",
    )
