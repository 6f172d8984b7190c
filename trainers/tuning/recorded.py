"""From Optuna's study to the record of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import optuna
from optuna.trial import FrozenTrial, TrialState

from artifacts.environment import Environment, current_environment, installed_versions
from artifacts.tuning_records import Trial, TuningStudy
from artifacts.tuning_records import TrialState as RecordedState
from trainers.tuning.plan import SearchPlan
from trainers.tuning.sampling import SEAT
from trainers.tuning.seats import FAILURE, seated, worker_of

FEWEST_FOR_IMPORTANCES = 4  # complete trials; of fewer a forest says nothing
_STATES: dict[TrialState, RecordedState] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
}


@dataclass(frozen=True, kw_only=True)
class Importances:
    """How much of the variance of the values each setting explains.

    Attributes:
        shares: by the settings' names, the largest first; they add up to 1.
        missing: why there are none.
    """

    shares: dict[str, float]
    missing: str | None = None


NOT_YET = Importances(shares={}, missing="the search is not over")


def recorded_study(
    study: optuna.Study, plan: SearchPlan, command: str, *, is_over: bool
) -> TuningStudy:
    """Return the record of the study as it is now, with the trials of all workers.

    Args:
        study: in its storage.
        plan: of the search.
        command: that this worker was started with.
        is_over: for this worker: then the importances are computed, which takes a second.
    """
    taken = seated(study.get_trials(deepcopy=False))
    found = [taken[seat] for seat in sorted(taken) if taken[seat].state in _STATES]
    trials = [recorded_trial(trial) for trial in found]
    complete = [trial for trial in trials if trial.state == "complete"]
    best = max(complete, key=lambda trial: (trial.value or 0.0, -trial.number), default=None)
    importances = importances_of(study, plan.searched, plan.seed) if is_over else NOT_YET
    has_defaults = plan.tries_defaults and 0 in taken and taken[0].state in _STATES
    return TuningStudy(
        name=plan.name,
        recipe=plan.recipe,
        space=dict(plan.space),
        sampler=plan.sampler,
        pruner=plan.pruner,
        storage=plan.storage,
        # Other workers may have been told to do more.
        wanted=max([plan.trials, *(trial.number + 1 for trial in trials)]),
        trials=tuple(trials),
        best=best.number if best else None,
        defaults=0 if has_defaults else None,
        importances=importances.shares,
        no_importances=importances.missing,
        environment=_environment(),
        command=command,
    )


def _environment() -> Environment:
    environment = current_environment()
    versions = environment.versions | installed_versions(("optuna", "scikit-learn"))
    return environment.model_copy(update={"versions": versions})


def recorded_trial(trial: FrozenTrial) -> Trial:
    """Return the record of a trial that has a seat and does not wait."""
    accuracies = tuple(
        trial.intermediate_values[step] for step in sorted(trial.intermediate_values)
    )
    state = _STATES[trial.state]
    start = trial.datetime_start or datetime.now()
    seconds = ((trial.datetime_complete or datetime.now()) - start).total_seconds()
    worker = worker_of(trial)
    return Trial(
        number=trial.user_attrs[SEAT],
        state=state,
        settings=trial.params,
        val_accuracy=accuracies,
        value=max(accuracies) if state in ("complete", "pruned") else None,
        seconds=max(0.0, seconds),
        worker=worker.in_words() if worker else "",
        failure=trial.user_attrs[FAILURE] if state == "failed" else None,
    )


def importances_of(study: optuna.Study, names: Sequence[str], seed: int) -> Importances:
    """Return the importance of each setting, by fANOVA (Hutter, Hoos and Leyton-Brown 2014).

    Args:
        study: whose complete trials are looked at.
        names: of the settings with more than one value to try.
        seed: of the forest.
    """
    # These load scikit-learn, which takes seconds.
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < FEWEST_FOR_IMPORTANCES:
        trials = "trial is" if len(complete) == 1 else "trials are"
        missing = f"{len(complete)} {trials} complete: wanted {FEWEST_FOR_IMPORTANCES} or more"
        return Importances(shares={}, missing=missing)
    if len({trial.value for trial in complete}) == 1:
        missing = "all complete trials have the same accuracy"
        return Importances(shares={}, missing=missing)
    if not names:
        return Importances(shares={}, missing="nothing was searched: every setting has one value")
    try:
        found = get_param_importances(
            study, evaluator=FanovaImportanceEvaluator(seed=seed), params=list(names)
        )
    except RuntimeError:  # no tree of the forest found a difference
        return Importances(shares={}, missing="no setting explains what varies")
    return Importances(shares={name: min(1.0, float(share)) for name, share in found.items()})
