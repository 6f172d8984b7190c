"""Plots of a search for hyperparameters: its history, each setting's part, and their weights."""

import itertools
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from artifacts.tuning_records import Choices, Range, Setting, Trial, TuningStudy
from report.drawing import (
    INK,
    MUTED,
    SERIES,
    Plot,
    in_percent,
    legend_above,
    new_figure,
    scale_for_ratios,
)
from report.numbers import percent

ERROR = "validation error"
_FEW_CHOICES = 6  # whose names fit beside each other
_SPREAD = 0.06  # of choices, between trials that took the same one
_PLACES = 5  # beside each other
_MARKS = {
    "whole training": ("o", SERIES[0], 4.5),
    "pruned": ("x", MUTED, 4.5),
    "best": ("*", SERIES[1], 11.0),
}


def history_plot(study: TuningStudy) -> Plot:
    """Return what each trial reached, and the best so far; at least one trial has a value."""
    complete = study.of_state("complete")
    best = dict(_best_so_far(complete))
    with new_figure() as (figure, axes):
        valued = _valued(study)
        _draw_trials(axes, study, valued, [trial.number for trial in valued])
        if best:
            last = study.trials[-1].number
            axes.step(
                [*best, last],
                [*map(_wrong_percent, best.values()), _wrong_percent(max(best.values()))],
                where="post",
                color=SERIES[1],
                linewidth=1.5,
                label="best so far",
            )
        defaults = study.trial(study.defaults)
        if defaults is not None and defaults.value is not None:
            axes.axhline(
                _wrong_percent(defaults.value),
                color=INK,
                linewidth=1,
                linestyle=(0, (2, 2)),
                label="the recipe's own settings",
            )
        axes.set(xlabel="trial", ylabel=ERROR)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        scale_for_ratios(axes, "y", "%")
        legend_above(figure, columns=2)
    return Plot(
        name="history",
        title="Validation error of each trial",
        caption="Lower is better. A trial that was pruned has the best that it had reached by"
        " then. Failed trials have no value and are not drawn.",
        figure=figure,
        columns=("trial", "state", "validation accuracy", "best so far"),
        rows=[
            (
                str(trial.number),
                trial.state,
                accuracy_text(trial),
                percent(best[trial.number]) if trial.number in best else "",
            )
            for trial in study.trials
        ],
    )


def slice_plots(study: TuningStudy) -> list[Plot]:
    """Return a plot for each setting of which there was more than one to try, and one tried."""
    return [
        _slice_plot(study, name, searched, number)
        for number, (name, searched) in enumerate(study.space.items(), start=1)
        if not searched.is_fixed
        if any(name in trial.settings for trial in _valued(study))
    ]


def importance_plot(study: TuningStudy) -> Plot:
    """Return how much each setting matters, the most first; there is at least one importance."""
    shares = sorted(study.importances.items(), key=lambda item: -item[1])
    with new_figure(0.8 + 0.32 * len(shares)) as (figure, axes):
        rows = range(len(shares))
        axes.barh(rows, [share for _, share in shares], color=SERIES[0], height=0.6)
        for row, (_, share) in zip(rows, shares, strict=True):
            axes.annotate(
                percent(share, 0),
                (share, row),
                xytext=(4, 0),
                textcoords="offset points",
                verticalalignment="center",
                size=8.5,
            )
        axes.set_yticks(rows, [setting_name(name) for name, _ in shares], parse_math=False)
        axes.set_ylim(len(shares) - 0.5, -0.5)
        axes.set_xlim(0, 1.1 * max(share for _, share in shares) or 1.0)
        in_percent(axes.xaxis)
        axes.set_xlabel("share of the variance")
        axes.grid(visible=False, axis="y")
    return Plot(
        name="importances",
        title="How much each setting matters",
        caption="The share of the variance of the trials' accuracies that each setting explains by"
        " itself, by a forest that was fitted to the trials (fANOVA, Hutter, Hoos and"
        " Leyton-Brown 2014).",
        figure=figure,
        columns=("setting", "share of the variance"),
        rows=[(setting_name(name), percent(share, 1)) for name, share in shares],
    )


def _slice_plot(study: TuningStudy, name: str, searched: Range | Choices, number: int) -> Plot:
    trials = [trial for trial in _valued(study) if name in trial.settings]
    settings = [trial.settings[name] for trial in trials]
    with new_figure(2.6) as (figure, axes):
        if isinstance(searched, Range):
            _show_range(axes, searched)
            places = [float(setting) for setting in settings]
        else:
            places = _show_choices(axes, searched, settings)
        _draw_trials(axes, study, trials, places)
        axes.set_xlabel(setting_name(name), parse_math=False)
        axes.set_ylabel(ERROR)
        scale_for_ratios(axes, "y", "%")
        legend_above(figure)
    return Plot(
        name=f"slice-{number}",
        title=f"Validation error by {setting_name(name)}",
        caption="Each mark is a trial, whose other settings differ too: this shows where good ones"
        " were found, not what this setting does by itself.",
        figure=figure,
        columns=("trial", setting_name(name), "state", "validation accuracy"),
        rows=[
            (str(trial.number), setting_text(setting), trial.state, accuracy_text(trial))
            for trial, setting in zip(trials, settings, strict=True)
        ],
    )


def _show_range(axes: Axes, searched: Range) -> None:
    """Let the axis show all that was searched, also where no trial was."""
    axes.update_datalim([(searched.low, 0.0), (searched.high, 0.0)], updatey=False)
    if searched.log:
        scale_for_ratios(axes, "x")


def _show_choices(axes: Axes, searched: Choices, settings: Sequence[Setting]) -> list[float]:
    """Give each choice a place on the axis; return the trials' places, some beside each other."""
    labels = [setting_text(choice) for choice in searched.choices]
    rotation = 0 if len(labels) <= _FEW_CHOICES else 30
    axes.set_xticks(range(len(labels)), labels, rotation=rotation, parse_math=False)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    return [
        searched.choices.index(setting) + (position % _PLACES - _PLACES // 2) * _SPREAD
        for position, setting in enumerate(settings)
    ]


def _draw_trials(
    axes: Axes, study: TuningStudy, trials: Sequence[Trial], places: Sequence[float]
) -> None:
    """Draw a mark for each trial, which has a value, at its place along x."""
    for kind, (marker, colour, size) in _MARKS.items():
        points = [
            (place, _wrong_percent(trial.value or 0.0))
            for trial, place in zip(trials, places, strict=True)
            if kind == _kind(study, trial)
        ]
        if points:
            axes.plot(
                *zip(*points, strict=True),
                color=colour,
                marker=marker,
                markersize=size,
                linestyle="none",
                label=kind,
            )


def _kind(study: TuningStudy, trial: Trial) -> str:
    if trial.number == study.best:
        return "best"
    return "pruned" if trial.state == "pruned" else "whole training"


def _valued(study: TuningStudy) -> tuple[Trial, ...]:
    return study.of_state("complete", "pruned")


def _best_so_far(complete: Sequence[Trial]) -> list[tuple[int, float]]:
    values = itertools.accumulate((trial.value or 0.0 for trial in complete), max)
    return list(zip((trial.number for trial in complete), values, strict=True))


def _wrong_percent(value: float) -> float:
    return 100 * (1 - value)


def accuracy_text(trial: Trial) -> str:
    """Return what the trial reached, or that it has reached nothing."""
    return "none" if trial.value is None else percent(trial.value)


def setting_name(name: str) -> str:
    """Return a setting's name in words."""
    return name.replace("_", " ")


def setting_text(setting: Setting) -> str:
    """Return a setting to three figures, which is not enough to train with it again."""
    return f"{setting:.3g}" if isinstance(setting, float) else str(setting)
