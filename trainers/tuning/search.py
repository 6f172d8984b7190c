"""A worker of a search: trial after trial until there are as many as wanted, each recorded."""

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from artifacts.json_records import write_record
from artifacts.study_directory import StudyDirectory
from artifacts.tuning_records import Setting, Trial, TuningStudy
from errors import UnfinishedError
from trainers.tuning.objective import Bench, SearchStopped, TrialFailed, train_trial
from trainers.tuning.plan import SearchPlan, require_same_search
from trainers.tuning.recorded import recorded_study
from trainers.tuning.sampling import SEAT, neighbour_of, pruner_for, sampler_for, suggested
from trainers.tuning.seats import FAILURE, MOST_DEATHS, STOPPED, Beat, Seats, deaths
from trainers.tuning.space import Settings, recipe_of_trial
from trainers.tuning.storage import (
    StoragePlace,
    close_storage,
    opened_storage,
    quiet_optuna,
    storage_errors_told,
)

log = logging.getLogger("onnxproof")


class SearchWatcher(Protocol):
    """What is told how a search goes on."""

    def on_batch(self, number: int, done: int, total: int) -> None:
        """A trial took an optimizer step."""

    def on_trial(self, trial: Trial, study: TuningStudy) -> None:
        """This worker finished a trial."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search, for one of its workers.

    Attributes:
        plan: what is wanted.
        directory: where the record is written.
        bench: what trials are trained with.
        watcher: is told of each trial.
        stop_requested: asked after each optimizer step.
        seconds: after which no trial is begun; None is never.
        command: for the record.
    """

    plan: SearchPlan
    directory: StudyDirectory
    bench: Bench
    watcher: SearchWatcher
    stop_requested: Callable[[], bool]
    seconds: float | None
    command: str

    def run(self, place: StoragePlace) -> TuningStudy:
        """Return the record, written, when all trials are done, or taken by other workers.

        Args:
            place: of Optuna's storage, which all workers share.

        Raises:
            ArtifactError: the storage cannot be opened, or holds something else.
            UsageError: the study there was begun with something else.
            UnfinishedError: every trial failed; or the user stopped it, the storage does not answer
                any more, or a file cannot be written. What was finished is kept.
        """
        with quiet_optuna(), storage_errors_told(place), contextlib.ExitStack() as stack:
            storage = opened_storage(place)
            stack.callback(close_storage, storage)
            study = self._opened_study(storage)
            self._do_trials(study)
            record = self._write(study, is_over=True)
        if self.stop_requested():
            raise UnfinishedError(
                "tune",
                f"stopped after {_finished_of(record)} of {record.wanted} trials",
                hint="the same command goes on",
            )
        if record.trials and len(record.of_state("failed")) == record.wanted:
            raise UnfinishedError(
                "tune",
                f"all {record.wanted} trials failed; the last one: {record.trials[-1].failure}",
                hint="try smaller networks, batches or rates with --space FILE.toml",
            )
        return record

    def _opened_study(self, storage: BaseStorage) -> optuna.Study:
        study = optuna.create_study(
            storage=storage,
            study_name=self.plan.name,
            sampler=sampler_for(self.plan.sampler, self.plan.seed),
            pruner=pruner_for(self.plan.pruner, self.plan.recipe.hyperparameters.epochs),
            direction="maximize",
            load_if_exists=True,
        )
        require_same_search(study, self.plan)
        return study

    def _do_trials(self, study: optuna.Study) -> None:
        seats = Seats(study=study, count=self.plan.trials, given=self._given())
        end = None if self.seconds is None else time.monotonic() + self.seconds
        while not self.stop_requested() and (end is None or time.monotonic() < end):
            trial = seats.take()
            if trial is None:
                break
            try:
                self._do_trial(study, trial)
            except UpdateFinishedTrialError:  # this process slept for a long time, say
                log.info("trial %d was taken over by another worker", trial.user_attrs[SEAT])
        if running := seats.running():
            numbers = ", ".join(str(trial.user_attrs[SEAT]) for trial in running)
            log.info("other workers have not finished yet: trial %s", numbers)

    def _given(self) -> Callable[[int], Settings]:
        if self.plan.sampler == "grid":
            return self.plan.grid().__getitem__
        if not self.plan.tries_defaults:
            return lambda _: {}
        own = self.plan.own
        if self.plan.sampler == "tpe":
            return lambda seat: neighbour_of(own, self.plan.space, seat, self.plan.seed)
        return lambda seat: own if seat == 0 else {}

    def _do_trial(self, study: optuna.Study, trial: optuna.Trial) -> None:
        number = int(trial.user_attrs[SEAT])
        settings: dict[str, Setting] = suggested(trial, self.plan.space)
        beat = Beat(trial)

        def after_batch(done: int, total: int) -> None:
            beat()
            self.watcher.on_batch(number, done, total)

        try:
            if deaths(study, number) >= MOST_DEATHS:
                raise TrialFailed(f"its process was killed {MOST_DEATHS} times")
            value = train_trial(
                trial,
                recipe_of_trial(self.plan.recipe, settings),
                self.bench,
                may_prune=not (self.plan.tries_defaults and number == 0),
                after_batch=after_batch,
                stop_requested=self.stop_requested,
            )
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        except TrialFailed as failure:
            trial.set_user_attr(FAILURE, str(failure))
            study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        except SearchStopped:
            trial.set_user_attr(STOPPED, True)
            study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
            return
        else:
            study.tell(trial, value, skip_if_finished=True)
        record = self._write(study, is_over=False)
        done = record.trial(number)
        if done is not None and done.state != "running":
            self.watcher.on_trial(done, record)

    def _write(self, study: optuna.Study, *, is_over: bool) -> TuningStudy:
        """Write the record; where other workers have gone on meanwhile, write it again.

        So whoever writes last has read after everybody else's last trial.
        """
        while True:
            before = _finished(study)
            record = recorded_study(study, self.plan, self.command, is_over=is_over)
            write_record(self.directory.record, record)
            if _finished(study) == before:
                return record


def _finished_of(record: TuningStudy) -> int:
    return len(record.of_state("complete", "pruned", "failed"))


def _finished(study: optuna.Study) -> int:
    return sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))
