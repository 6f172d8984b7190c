"""What share of the machine's limit each batch reached: the roofline model, drawn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from matplotlib.axes import Axes

from artifacts.evaluation_records import Evaluation
from artifacts.latency_records import LatencyRecord
from artifacts.limit_records import MachineLimit
from report.drawing import MARKERS, SERIES, Plot, legend_above, new_figure, scale_for_ratios
from report.latency_plots import with_boundary
from report.names import name_of
from report.numbers import megabytes, percent

_ROOM = 2.0  # times, beside the points and the corner of the roof
# Where a series' labels stand, in points: series lie close together.
_LABELS = ((6, -3), (-6, -3), (0, 6), (0, -12))


@dataclass(kw_only=True)
class _Series:
    """Timings that have their share of one limit."""

    limit: MachineLimit
    timings: list[LatencyRecord] = field(default_factory=list)


def roofline_plot(evaluations: Sequence[Evaluation]) -> Plot | None:
    """Return the plot of rates by intensity under the limit; None where no share is known."""
    series = _series_of(evaluations)
    if not series:
        return None
    ends = _ends(series.values())
    with new_figure(3.6) as (figure, axes):
        for number, (name, one) in enumerate(series.items()):
            colour = SERIES[number % len(SERIES)]
            _draw_roof(axes, one.limit, ends, colour)
            marker = MARKERS[number % len(MARKERS)]
            _draw_points(axes, one.timings, colour, marker, name)
            _draw_labels(axes, one.timings, _LABELS[number % len(_LABELS)])
        scale_for_ratios(axes, "x")
        scale_for_ratios(axes, "y")
        axes.set(xlabel="operations for each byte that moves", ylabel="GFLOP/s")
        legend_above(figure, columns=2)
    return Plot(
        name="roofline",
        title="Beside the machine's limit",
        caption="A mark for each batch size, which stands beside it. The roof is the most that the"
        " machine can do: flat is its best product of matrices, slanted its best copy (solid: past"
        " the caches; dotted: the fastest that stays in them). Both were measured in the"
        " evaluation's own run by ONNX Runtime on its provider, in float32. A batch is held against"
        " copies of its own size or larger. Its bytes are counted as if every value of the graph"
        " were written once and read once; where ONNX Runtime fuses nodes it moves fewer.",
        figure=figure,
        columns=(
            *("evaluation", "batch", "multiply-adds", "moved", "operations a byte"),
            *("GFLOP/s", "limit, GFLOP/s", "share", "bound by"),
        ),
        rows=[row for name, one in series.items() for row in _rows(name, one.timings)],
    )


def why_no_share(evaluation: Evaluation) -> str | None:
    """Return why an evaluation's latencies have no limit beside them; None where they have one."""
    if all(timing.limit for timing in evaluation.latency):
        return None
    why = evaluation.limit_missing or "it was evaluated before limits were measured"
    return f"{name_of(evaluation)}: the share of the machine's limit is missing: {why}."


def _series_of(evaluations: Sequence[Evaluation]) -> dict[str, _Series]:
    found: dict[str, _Series] = {}
    for evaluation in evaluations:
        for timing in evaluation.latency:
            # A time of no computation reaches no share; the page says so of it.
            if evaluation.limit and timing.limit and timing.outputs_verified:
                name = with_boundary(evaluation, timing)
                name += ", CUDA graph" if timing.cuda_graph else ""
                series = found.setdefault(name, _Series(limit=evaluation.limit))
                series.timings.append(timing)
    return found


def _ends(series: Iterable[_Series]) -> tuple[float, float]:
    """Return the least and the greatest intensity that are drawn, with the corners of the roofs."""
    there = []
    for one in series:
        there.append(one.limit.peak_gflops / one.limit.memory.gb_per_second)
        there += [timing.limit.intensity for timing in one.timings if timing.limit]
    return min(there) / _ROOM, max(there) * _ROOM


def _draw_roof(axes: Axes, limit: MachineLimit, ends: tuple[float, float], colour: str) -> None:
    low, high = ends
    fastest = max(copy.gb_per_second for copy in limit.copies)
    for bandwidth, style in ((limit.memory.gb_per_second, "-"), (fastest, ":")):
        corner = min(max(limit.peak_gflops / bandwidth, low), high)
        roof = [min(limit.peak_gflops, bandwidth * one) for one in (low, corner, high)]
        axes.plot((low, corner, high), roof, color=colour, linestyle=style, linewidth=1.2)


def _draw_points(
    axes: Axes, timings: Sequence[LatencyRecord], colour: str, marker: str, name: str
) -> None:
    places = [(one.limit.intensity, one.limit.gflops) for one in timings if one.limit]
    axes.plot(
        *zip(*places, strict=True),
        color=colour,
        linestyle="none",
        marker=marker,
        markersize=5,
        label=name,
    )


def _draw_labels(axes: Axes, timings: Sequence[LatencyRecord], beside: tuple[int, int]) -> None:
    for timing in timings:
        if timing.limit:
            axes.annotate(
                str(timing.batch_size),
                (timing.limit.intensity, timing.limit.gflops),
                xytext=beside,
                textcoords="offset points",
                ha="left" if beside[0] > 0 else "right" if beside[0] < 0 else "center",
                fontsize=8,
            )


def _rows(name: str, timings: Sequence[LatencyRecord]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            str(timing.batch_size),
            f"{reached.multiply_adds:,}",
            megabytes(reached.moved_bytes),
            f"{reached.intensity:.1f}",
            f"{reached.gflops:,.1f}",
            f"{reached.attainable_gflops:,.1f}",
            percent(reached.share, 0),
            reached.bound,
        )
        for timing in timings
        if (reached := timing.limit)
    ]
