"""Which trial a worker does next, so that of any number of workers each does its own.

A search wants so many trials: it has so many seats. A worker asks Optuna's storage for the trial of
a free seat; a trial holds its seat while it waits, runs or is finished, and lets go of it when its
worker was stopped or killed. The storage gives trials ascending numbers, and one worker alone can
make a waiting trial run. So where several workers take one seat at the same moment, all see that
the trial with the lowest number has it; the others' are void. A void trial is a failed one that
says no reason; the record of the study does not count it.

Optuna's own heartbeat is for databases alone, waits for minutes also where it is plain that a
process is gone, and has no word for how many trials there are to be.
"""

import contextlib
import logging
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

import optuna
import psutil
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from trainers.tuning.sampling import SEAT
from trainers.tuning.space import Settings

WORKER, ALIVE, FAILURE, STOPPED = "worker", "alive", "failure", "stopped"  # attributes of a trial
BEAT_SECONDS = 30.0  # between two signs of life
# After which a worker on another machine, whose processes cannot be seen, counts as gone.
SILENCE_SECONDS = 600.0
CLOCK_TICK_SECONDS = 2.0  # that the start of a process may be told apart by
MOST_DEATHS = 3  # of workers, in one seat: then it is the trial that kills them

log = logging.getLogger("onnxproof")


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A process that does trials.

    Attributes:
        machine: its name and, where there is one, the number of its space of process ids.
        pid: within that.
        began: seconds since 1970; another process may have the same pid later.
    """

    machine: str
    pid: int
    began: float

    def in_words(self) -> str:
        """Return host:pid."""
        return f"{self.machine.partition(' ')[0]}:{self.pid}"

    @property
    def is_gone(self) -> bool:
        """Whether it is known to have ended; of another machine nothing is known."""
        if self.machine != _machine():
            return False
        try:
            process = psutil.Process(self.pid)
            is_another = abs(process.create_time() - self.began) > CLOCK_TICK_SECONDS
            return is_another or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False


@cache
def _machine() -> str:
    name, processes = platform.node() or "localhost", Path("/proc/self/ns/pid")
    return f"{name} {processes.readlink()}" if processes.is_symlink() else name


def this_worker() -> Worker:
    """Return the process that this is."""
    process = psutil.Process()
    return Worker(machine=_machine(), pid=process.pid, began=process.create_time())


def worker_of(trial: FrozenTrial) -> Worker | None:
    """Return who does the trial, or did; None where that is not known."""
    found = trial.user_attrs.get(WORKER)
    return Worker(**found) if isinstance(found, dict) else None


def is_void(trial: FrozenTrial) -> bool:
    """Return whether the trial holds no seat."""
    has_ended = trial.state is TrialState.FAIL and FAILURE not in trial.user_attrs
    return has_ended or SEAT not in trial.user_attrs


def seated(trials: list[FrozenTrial]) -> dict[int, FrozenTrial]:
    """Return the trial of each seat that is taken, by the seat."""
    taken: dict[int, FrozenTrial] = {}
    for trial in sorted(trials, key=lambda trial: trial.number):
        if not is_void(trial):
            taken.setdefault(trial.user_attrs[SEAT], trial)
    return taken


@dataclass(frozen=True, kw_only=True)
class Seats:
    """The seats of a search, for one of its workers.

    Attributes:
        study: in the storage that all workers share.
        count: how many there are.
        given: returns the settings that a seat's trial must have; the sampler draws the others.
    """

    study: optuna.Study
    count: int
    given: Callable[[int], Settings]

    def take(self) -> optuna.Trial | None:
        """Return a trial of a seat that was free, running now; None where none is free."""
        while True:
            self._free_those_of_the_gone()
            trials = self.study.get_trials(deepcopy=False)
            taken = seated(trials)
            free = [seat for seat in range(self.count) if _is_free(taken.get(seat))]
            if not free:
                return None
            if free[0] not in taken:
                self._offer(free[0], trials)
            trial = self.study.ask()  # any that waits: perhaps what another worker offered
            # That one may be gone: then a third may take the trial for left, until this is said.
            with contextlib.suppress(UpdateFinishedTrialError):
                trial.set_user_attr(WORKER, vars(this_worker()))
                if self._has_its_seat(trial):
                    return trial
            self.study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)

    def running(self) -> list[FrozenTrial]:
        """Return the trials that are being done."""
        taken = seated(self.study.get_trials(deepcopy=False))
        return [trial for trial in taken.values() if trial.state is TrialState.RUNNING]

    def _offer(self, seat: int, trials: list[FrozenTrial]) -> None:
        """Let a trial of the seat wait, with what was drawn for one that was given up."""
        earlier = [t for t in trials if t.user_attrs.get(SEAT) == seat and t.params]
        drawn = earlier[-1].params if earlier else {}
        # The worker stands in it from the start, lest it die before it can say so.
        attributes = {SEAT: seat, WORKER: vars(this_worker())}
        self.study.enqueue_trial({**drawn, **self.given(seat)}, user_attrs=attributes)

    def _has_its_seat(self, trial: optuna.Trial) -> bool:
        seat = trial.user_attrs.get(SEAT)
        if seat is None or seat >= self.count:
            return False
        holder = seated(self.study.get_trials(deepcopy=False)).get(seat)
        return holder is not None and holder.number == trial.number

    def _free_those_of_the_gone(self) -> None:
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        for trial in running:
            if not _is_abandoned(trial):
                continue
            # Another worker may have found it at the same moment.
            with contextlib.suppress(ValueError, UpdateFinishedTrialError):
                self.study.tell(trial.number, state=TrialState.FAIL)
                if (worker := worker_of(trial)) is not None:
                    words = "trial %d was left by %s, which is gone: it is done again"
                    log.info(words, trial.user_attrs[SEAT], worker.in_words())


def deaths(study: optuna.Study, seat: int) -> int:
    """Return how many workers were killed while they did the seat's trial."""
    return sum(
        is_void(trial) and bool(trial.params) and STOPPED not in trial.user_attrs
        for trial in study.get_trials(deepcopy=False)
        if trial.user_attrs.get(SEAT) == seat
    )


class Beat:
    """Signs of life of a trial, for workers on other machines."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial
        self._last = time.monotonic()

    def __call__(self) -> None:
        """Give a sign if it is time.

        Raises:
            UpdateFinishedTrialError: another worker took this one for gone, and freed its seat.
        """
        if time.monotonic() - self._last > BEAT_SECONDS:
            self._last = time.monotonic()
            self._trial.set_user_attr(ALIVE, time.time())


def _is_free(holder: FrozenTrial | None) -> bool:
    return holder is None or holder.state is TrialState.WAITING


def _is_abandoned(trial: FrozenTrial) -> bool:
    worker = worker_of(trial)
    if worker is not None and worker.machine == _machine():
        return worker.is_gone
    start = (trial.datetime_start or datetime.now()).timestamp()
    return time.time() - max(start, float(trial.user_attrs.get(ALIVE, start))) > SILENCE_SECONDS
