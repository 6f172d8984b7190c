"""What a search found, in words, and how much of it may be chance."""

from artifacts.choices import Pruner, Sampler
from artifacts.shell import pasteable
from artifacts.statistics import wilson_interval
from artifacts.tuning_records import Trial, TuningStudy
from report.chance_lead import chance_lead
from report.numbers import count, percent, percent_interval

SAMPLERS: dict[Sampler, str] = {
    "grid": "grid search",
    "random": "random search",
    "tpe": "TPE, a Bayesian search (Bergstra et al. 2011)",
}
PRUNERS: dict[Pruner, str] = {
    "median": "ended early where it was worse than the median of earlier ones at the same epoch",
    "halving": "ended early by successive halving",
    "none": "never ended early",
}


def summary_of(study: TuningStudy) -> str:
    """Return network, dataset, images and trials in one line."""
    recipe = study.recipe
    images = f"{count(recipe.train_examples, 'image')} to train on, {recipe.val_examples:,} to"
    trials = f"{len(study.trials):,} of {count(study.wanted, 'trial')}"
    return f"{recipe.model.name} · {recipe.dataset.name} · {images} validate · {trials}"


def headline_of(study: TuningStudy) -> str:
    """Return what was found in one sentence."""
    best, defaults = study.trial(study.best), study.trial(study.defaults)
    if best is None or best.value is None:
        return "No trial was finished: nothing is known of any setting."
    interval = percent_interval(interval_of(study, best))
    told = (
        f"The best trial names {percent(best.value)} of the validation images right (95% interval"
        f" {interval})"
    )
    if defaults is None or defaults.value is None:
        return f"{told}; the recipe's own settings were not measured beside it."
    if best.number == defaults.number:
        return f"{told}; it is the recipe's own settings: nothing better was found."
    lead = 100 * (best.value - defaults.value)
    return f"{told}, {lead:.2f} points more than the recipe's own settings."


def doubts_of(study: TuningStudy) -> list[str]:
    """Return what the best trial's lead proves, and what it does not, in paragraphs."""
    best, defaults = study.trial(study.best), study.trial(study.defaults)
    if best is None or best.value is None:
        return []
    candidates = len(study.of_state("complete", "pruned"))
    examples = study.recipe.val_examples
    chance = chance_lead(candidates, best.value, examples)
    notes = [
        "Intervals are Wilson's, of each trial by itself. But the best one was chosen because it"
        f" did best on these {count(examples, 'image')}, which flatters it. If all"
        f" {count(candidates, 'trial')} were equally good, the best would still be ahead of one"
        " named beforehand, as the recipe's own is, by"
        f" {100 * chance.mean:.2f} points on average, and by more than {100 * chance.rare:.2f} in"
        " one search of twenty. Trials that share their images differ less by chance than that:"
        " these two numbers are bounds."
    ]
    if defaults is not None and defaults.value is not None and best.number != defaults.number:
        lead = best.value - defaults.value
        notes.append(
            f"The lead over the recipe's own settings is {100 * lead:.2f} points: "
            + (
                "more than choosing among equals would give but once in twenty searches."
                if lead > chance.rare
                else "choosing among equals may well give as much, so this search does not show"
                " that anything is better than the recipe."
            )
        )
    notes.append(
        "Chance of another kind is not in these numbers: each trial was trained once, with one"
        " seed, and is told by its best epoch. The test split was not touched. What the best"
        " settings are worth is told by training with them, with other seeds too, and evaluating"
        " each network once on that split; begin with"
        f" {pasteable('train', f'--from-study={study.name}')} (or with the path of the search's"
        " directory, if that is not in runs/)."
    )
    return notes


def course_of(study: TuningStudy) -> str:
    """Return who proposed the trials, what became of them, and what it took."""
    counts = {
        "complete": len(study.of_state("complete")),
        "ended early": len(study.of_state("pruned")),
        "failed": len(study.of_state("failed")),
        "still running": len(study.of_state("running")),
    }
    told = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    workers = len({trial.worker for trial in study.trials})
    seconds = sum(trial.seconds for trial in study.trials)
    epochs = count(study.recipe.hyperparameters.epochs, "epoch")
    return (
        f"Trials were proposed by {SAMPLERS[study.sampler]}. A trial had {epochs}, and was"
        f" {PRUNERS[study.pruner]}. Trials: {told or 'none yet'}. Training took {seconds:,.0f} s,"
        f" all trials together, by {count(workers, 'worker')}."
    )


def interval_of(study: TuningStudy, trial: Trial) -> tuple[float, float]:
    """Return the 95% Wilson interval of the accuracy of a trial with a value."""
    examples = study.recipe.val_examples
    right = round((trial.value or 0.0) * examples)
    return wilson_interval(right, examples)
