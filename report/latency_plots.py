"""How long a batch takes, and how much faster than PyTorch that is."""

from collections.abc import Sequence
from dataclasses import dataclass

from artifacts.evaluation_records import Evaluation
from artifacts.latency_records import LatencyRecord, Timing
from report.drawing import MARKERS, MUTED, SERIES, Plot, legend_above, new_figure, scale_for_ratios
from report.names import name_of
from report.numbers import milliseconds, milliseconds_interval, times

_SPREAD = 0.5  # of the room between two batch sizes, that the marks of one share


@dataclass(frozen=True, kw_only=True)
class Series:
    """One side's timings, by batch size."""

    name: str
    timings: dict[int, Timing]


def latency_plot(evaluations: Sequence[Evaluation]) -> Plot | None:
    """Return the plot of medians by batch size; None where nothing was timed."""
    series = series_of(evaluations)
    if not series:
        return None
    sizes = sorted({size for one in series for size in one.timings})
    with new_figure(3.4) as (figure, axes):
        for number, one in enumerate(series):
            offset = _SPREAD * ((number + 0.5) / len(series) - 0.5)
            places = [sizes.index(size) + offset for size in one.timings]
            medians = [timing.p50_ms for timing in one.timings.values()]
            axes.errorbar(
                places,
                medians,
                yerr=_errors(list(one.timings.values())),
                color=MUTED if one.name.startswith("PyTorch") else SERIES[number % len(SERIES)],
                marker=MARKERS[number % len(MARKERS)],
                markersize=5,
                capsize=3,
                linewidth=1,
                linestyle=(0, (1, 2)),
                label=one.name,
            )
        axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        axes.set_xlim(-0.5, len(sizes) - 0.5)
        scale_for_ratios(axes, "y")
        axes.set(xlabel="images in a batch", ylabel="median latency, ms")
        legend_above(figure)
    return Plot(
        name="latency",
        title="Latency by batch size",
        caption="Medians, with 95% intervals by bootstrap where they are wide enough to be seen;"
        " lower is better. PyTorch and ONNX Runtime took turns in blocks of one run; warm-up is"
        " not counted. Of other runs only ratios can be compared.",
        figure=figure,
        columns=("side", "batch", "median", "95% interval", "p90", "p99", "images/s", "steady"),
        rows=[_row(one.name, size, t) for one in series for size, t in one.timings.items()],
    )


def speedup_plot(evaluations: Sequence[Evaluation]) -> Plot | None:
    """Return the plot of ratios to PyTorch; None where PyTorch was not timed."""
    ratios = [
        (f"{with_boundary(evaluation, timing)}, batch {timing.batch_size}", timing)
        for evaluation in evaluations
        for timing in evaluation.latency
        if timing.speedup is not None and timing.outputs_verified
    ]
    if not ratios:
        return None
    with new_figure(0.9 + 0.32 * max(len(ratios), 3)) as (figure, axes):
        axes.axvline(1, color=MUTED, linewidth=1.2)
        for row, (_, timing) in enumerate(ratios):
            assert timing.speedup is not None
            low, high = timing.speedup_ci95 or (timing.speedup, timing.speedup)
            colour = MUTED if low <= 1 <= high else SERIES[0] if low > 1 else SERIES[1]
            axes.errorbar(
                timing.speedup,
                row,
                xerr=[[timing.speedup - low], [high - timing.speedup]],
                color=colour,
                marker="o",
                markersize=5,
                capsize=3,
            )
        axes.set_yticks(range(len(ratios)), [name for name, _ in ratios])
        axes.set_ylim(len(ratios) - 0.5, -0.5)
        scale_for_ratios(axes, "x", "×")
        axes.set_xlabel("times as fast as PyTorch")
        axes.grid(visible=False, axis="y")
    return Plot(
        name="speedup",
        title="Speed beside PyTorch",
        caption="PyTorch's median over ONNX Runtime's, both of one run, with the 95% interval of"
        " the ratio. Right of the line ONNX Runtime is faster, left of it slower; grey: the"
        " interval holds 1, so no difference is shown.",
        figure=figure,
        columns=("evaluation", "ratio and 95% interval"),
        rows=[(name, times(t.speedup, t.speedup_ci95)) for name, t in ratios],
    )


def series_of(evaluations: Sequence[Evaluation]) -> list[Series]:
    """Return ONNX Runtime's timings of each evaluation, and PyTorch's once a provider."""
    found: dict[str, dict[int, Timing]] = {}
    for evaluation in evaluations:
        for timing in evaluation.latency:
            if not timing.outputs_verified:
                continue  # a time of no computation; the page says so
            name = with_boundary(evaluation, timing)
            found.setdefault(name, {})[timing.batch_size] = timing
            if timing.pytorch is not None:
                beside = f"PyTorch beside {evaluation.provider.requested}{_boundary(timing)}"
                found.setdefault(beside, {}).setdefault(timing.batch_size, timing.pytorch)
    return [Series(name=name, timings=timings) for name, timings in found.items()]


def with_boundary(evaluation: Evaluation, timing: LatencyRecord) -> str:
    """Return variant and provider, and where the clock was read if not on the host."""
    return name_of(evaluation) + _boundary(timing)


def _boundary(timing: LatencyRecord) -> str:
    return "" if timing.boundary == "host" else ", on the device"


def _errors(timings: Sequence[Timing]) -> list[list[float]]:
    intervals = [t.p50_ci95_ms or (t.p50_ms, t.p50_ms) for t in timings]
    pairs = list(zip(timings, intervals, strict=True))
    return [
        [max(0.0, timing.p50_ms - low) for timing, (low, _) in pairs],
        [max(0.0, high - timing.p50_ms) for timing, (_, high) in pairs],
    ]


def _row(name: str, batch_size: int, timing: Timing) -> tuple[str, ...]:
    return (
        name,
        str(batch_size),
        milliseconds(timing.p50_ms),
        milliseconds_interval(timing.p50_ci95_ms),
        _percentile(timing.p90_ms),
        _percentile(timing.p99_ms),
        f"{timing.images_per_second:,.0f}",
        "yes" if timing.stable else "no",
    )


def _percentile(value: float | None) -> str:
    return "too few samples" if value is None else milliseconds(value)
