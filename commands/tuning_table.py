"""A search on the terminal: what it found beside the defaults, and what to do with it."""

from artifacts.shell import pasteable
from artifacts.study_directory import StudyDirectory
from artifacts.tuning_records import Setting, Trial, TuningStudy
from commands.console import print_pairs
from commands.wide_tables import ShownColumn, print_wide_table
from trainers.tuning.space import own_settings


def print_search(study: TuningStudy, directory: StudyDirectory) -> None:
    """Print the best trial beside the recipe's own settings, and the commands that come next."""
    best, defaults = study.trial(study.best), study.trial(study.defaults)
    dataset, model = study.recipe.dataset.name, study.recipe.model.name
    pairs = [
        ("trials", _counts(study)),
        ("best", _accuracy(study, best, "no trial is complete")),
        ("defaults", _accuracy(study, defaults, "not tried: the space does not hold them")),
        ("time", f"{sum(trial.seconds for trial in study.trials):.1f} s of all trials"),
    ]
    if study.no_importances:
        pairs.append(("importances", f"none: {study.no_importances}"))
    print_pairs(f"searched settings of {model} on {dataset} ({study.sampler})", pairs)
    if best is not None:
        _print_settings(study, best)
    print_pairs("next", _next(study, str(directory.root)))


def _next(study: TuningStudy, root: str) -> list[tuple[str, str]]:
    pairs = []
    if len(study.of_state("complete", "pruned", "failed")) < study.wanted:
        pairs.append(("go on", "the same command again"))
    if study.best is not None:
        whole = ["--subset=1"] if study.recipe.subset < 1 else []
        pairs.append(("train", pasteable("train", f"--from-study={root}", *whole)))
    return [*pairs, ("report", pasteable("report", root))]


def _counts(study: TuningStudy) -> str:
    told = [
        f"{len(trials)} {state}"
        for state in ("complete", "pruned", "failed", "running")
        if (trials := study.of_state(state))
    ]
    return f"{len(study.trials)} of {study.wanted}: {', '.join(told) or 'none is finished'}"


def _accuracy(study: TuningStudy, trial: Trial | None, none: str) -> str:
    if trial is None:
        return none
    if trial.value is None:
        return f"trial {trial.number} is {trial.state}"
    examples = study.recipe.val_examples
    correct = round(trial.value * examples)
    return (
        f"trial {trial.number}: {100 * trial.value:.2f}% of the validation split"
        f" ({correct:,} of {examples:,})"
    )


def _print_settings(study: TuningStudy, best: Trial) -> None:
    own = own_settings(study.recipe, study.space)
    names = sorted(study.space, key=lambda name: -study.importances.get(name, 0.0))
    columns = [
        ShownColumn(heading="setting", cells=[[n] for n in names], is_text=True, names_rows=True),
        ShownColumn(heading="best", cells=[[_text(best.settings[n])] for n in names]),
        ShownColumn(heading="defaults", cells=[[_text(own[n])] for n in names]),
    ]
    if study.importances:
        shares = [[_share(study, name)] for name in names]
        columns.append(ShownColumn(heading="importance", cells=shares))
    print_wide_table(columns)


def _share(study: TuningStudy, name: str) -> str:
    return f"{100 * study.importances[name]:.0f}%" if name in study.importances else "fixed"


def _text(setting: Setting) -> str:
    return f"{setting:.3g}" if isinstance(setting, float) else str(setting)
