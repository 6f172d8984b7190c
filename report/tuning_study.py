"""The page of a search for hyperparameters."""

from collections.abc import Sequence
from dataclasses import replace

from artifacts.tuning_records import Range, Trial, TuningStudy
from report.contents import Contents
from report.numbers import percent_interval
from report.sections import Section
from report.tables import Table
from report.tuning_plots import (
    accuracy_text,
    history_plot,
    importance_plot,
    setting_name,
    setting_text,
    slice_plots,
)
from report.tuning_words import course_of, doubts_of, headline_of, interval_of, summary_of

MOST_SHOWN = 10  # of the best trials


def contents_of_tuning(name: str, study: TuningStudy) -> Contents:
    """Return what the page says of a search that is called by that name."""
    return Contents(
        name=name,
        summary=summary_of(study),
        headline=headline_of(study),
        sections=[
            _best(study),
            _history(study),
            _importances(study),
            _space(study),
            *([_failures(study)] if study.of_state("failed") else []),
        ],
        commands=[study.command],
    )


def _best(study: TuningStudy) -> Section:
    complete = study.of_state("complete")
    ranked = sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number))
    shown = ranked[:MOST_SHOWN]
    defaults = study.trial(study.defaults)
    if defaults is not None and defaults not in shown:
        shown.append(defaults)
    return Section(
        anchor="best",
        title="What was found",
        notes=doubts_of(study),
        tables=[_best_table(study, shown)] if shown else [],
    )


def _best_table(study: TuningStudy, trials: Sequence[Trial]) -> Table:
    settings = [setting_name(name) for name in study.space]
    return Table(
        caption="The best trials",
        columns=("trial", "accuracy", "95% interval", *settings, "best epoch", "seconds"),
        rows=[
            (
                f"{trial.number}{', the recipe' if trial.number == study.defaults else ''}",
                accuracy_text(trial),
                "none" if trial.value is None else percent_interval(interval_of(study, trial)),
                *_settings(study, trial),
                _best_epoch(trial),
                f"{trial.seconds:.1f}",
            )
            for trial in trials
        ],
    )


def _best_epoch(trial: Trial) -> str:
    if trial.value is None:
        return "none"
    return f"{trial.val_accuracy.index(trial.value) + 1} of {len(trial.val_accuracy)}"


def _settings(study: TuningStudy, trial: Trial) -> list[str]:
    return [
        setting_text(trial.settings[name]) if name in trial.settings else "not set"
        for name in study.space
    ]


def _history(study: TuningStudy) -> Section:
    has_values = bool(study.of_state("complete", "pruned"))
    return Section(
        anchor="history",
        title="How the search went",
        notes=[course_of(study)],
        plots=[history_plot(study)] if has_values else [],
    )


def _importances(study: TuningStudy) -> Section:
    section = Section(anchor="importances", title="Which settings matter")
    if not study.importances:
        why = (study.no_importances or "the search did not say why").rstrip(".")
        return replace(section, notes=[f"Importances are not known: {why}."])
    note = (
        "These shares hold for this space alone: a setting that was searched in a narrow range"
        " seems to matter little. Of few trials they are rough."
    )
    return replace(section, notes=[note], plots=[importance_plot(study)])


def _space(study: TuningStudy) -> Section:
    rows = []
    for name, searched in study.space.items():
        points = "; ".join(map(setting_text, searched.points()))  # widths have commas of their own
        if isinstance(searched, Range):
            among = f"{searched.low:.3g} to {searched.high:.3g}"
            rows.append((setting_name(name), among, "log" if searched.log else "linear", points))
        else:
            rows.append((setting_name(name), points, "choices", points))
    table = Table(
        caption="The space",
        columns=("setting", "searched", "scale", "points of a grid"),
        rows=rows,
    )
    has_values = bool(study.of_state("complete", "pruned"))
    return Section(
        anchor="settings",
        title="What was searched",
        tables=[table],
        plots=slice_plots(study) if has_values else [],
    )


def _failures(study: TuningStudy) -> Section:
    table = Table(
        caption="Why each failed",
        columns=("trial", "why", *(setting_name(name) for name in study.space)),
        rows=[
            (str(trial.number), trial.failure or "", *_settings(study, trial))
            for trial in study.of_state("failed")
        ],
    )
    return Section(anchor="failed", title="Trials that failed", tables=[table])
