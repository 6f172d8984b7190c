import subprocess
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest
from optuna.trial import TrialState

from artifacts.tuning_records import Setting
from trainers.tuning.sampling import SEAT, sampler_for
from trainers.tuning.seats import (
    ALIVE,
    FAILURE,
    MOST_DEATHS,
    SILENCE_SECONDS,
    STOPPED,
    WORKER,
    Seats,
    deaths,
    seated,
    this_worker,
)
from trainers.tuning.storage import opened_storage, storage_place

WORKERS = 4


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def study_in(storage: str) -> optuna.Study:
    return optuna.create_study(
        storage=opened_storage(storage_place(storage)),
        study_name="one",
        sampler=sampler_for("random", 0),
        direction="maximize",
        load_if_exists=True,
    )


def seats_of(study: optuna.Study, count: int, given: Mapping[int, Any] | None = None) -> Seats:
    return Seats(study=study, count=count, given=lambda seat: (given or {}).get(seat, {}))


def taken(seats: Seats) -> optuna.Trial:
    trial = seats.take()
    assert trial is not None
    return trial


def finish(seats: Seats) -> list[int]:
    """Do all that is left; return the seats that this worker did."""
    done = []
    while (trial := seats.take()) is not None:
        trial.suggest_float("x", 0, 1)
        seats.study.tell(trial, 0.5)
        done.append(trial.user_attrs[SEAT])
    return done


def states(study: optuna.Study) -> dict[int, TrialState]:
    return {seat: trial.state for seat, trial in seated(study.get_trials()).items()}


def leave_to(study: optuna.Study, trial: optuna.Trial, worker: Mapping[str, object]) -> None:
    """Let it look as if that worker did the trial."""
    trial.set_user_attr(WORKER, dict(worker))
    assert study.get_trials()[trial.number].state is TrialState.RUNNING


def process_that_ended() -> dict[str, object]:
    process = subprocess.Popen(["sleep", "60"])
    began = psutil.Process(process.pid).create_time()
    process.kill()
    process.wait()
    return {**vars(this_worker()), "pid": process.pid, "began": began}


@pytest.fixture(params=["journal.log", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = tmp_path / str(request.param)
    return f"sqlite:///{path}" if request.param == "sqlite" else str(path)


def test_each_seat_is_taken_once_and_then_none(storage: str) -> None:
    study = study_in(storage)
    assert finish(seats_of(study, 5)) == [0, 1, 2, 3, 4]
    assert finish(seats_of(study, 5)) == []
    assert finish(seats_of(study_in(storage), 7)) == [5, 6]
    assert set(states(study).values()) == {TrialState.COMPLETE}


def test_many_workers_at_once_do_every_seat_once(storage: str) -> None:
    together, done = threading.Barrier(WORKERS), list[int]()

    def work() -> None:
        seats = seats_of(study_in(storage), 24)
        together.wait()
        done.extend(finish(seats))

    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert Counter(done) == Counter(range(24))
    trials = study_in(storage).get_trials()
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    assert sorted(trial.user_attrs[SEAT] for trial in complete) == list(range(24))


def test_settings_that_a_seat_is_given_are_not_drawn(storage: str) -> None:
    study = study_in(storage)
    given: dict[int, dict[str, Setting]] = {1: {"x": 0.25}}
    finish(seats_of(study, 3, given))
    found = {seat: trial.params["x"] for seat, trial in seated(study.get_trials()).items()}
    assert found[1] == 0.25
    assert 0.25 not in (found[0], found[2])


def test_trial_of_a_process_that_is_gone_is_done_again_with_what_was_drawn(storage: str) -> None:
    study = study_in(storage)
    seats = seats_of(study, 3)
    left = taken(seats)
    drawn = left.suggest_float("x", 0, 1)
    left.report(0.3, step=0)
    leave_to(study, left, process_that_ended())
    assert finish(seats) == [0, 1, 2]
    again = seated(study.get_trials())[0]
    assert again.number != left.number
    assert again.params["x"] == drawn
    assert again.intermediate_values == {}
    assert deaths(study, 0) == 1
    assert deaths(study, 1) == 0


def test_trial_of_a_living_process_is_left_alone(storage: str) -> None:
    study = study_in(storage)
    busy = taken(seats_of(study, 3))
    assert finish(seats_of(study_in(storage), 3)) == [1, 2]
    assert [trial.number for trial in seats_of(study, 3).running()] == [busy.number]
    study.tell(busy, 0.5)


def test_process_with_the_number_of_one_that_is_gone_is_another(storage: str) -> None:
    study = study_in(storage)
    left = taken(seats_of(study, 1))
    worker = vars(this_worker())
    leave_to(study, left, {**worker, "began": worker["began"] - 60.0})
    assert finish(seats_of(study, 1)) == [0]


@pytest.mark.parametrize(("silent", "again"), [(10.0, []), (SILENCE_SECONDS + 60, [0])])
def test_worker_on_another_machine_counts_as_gone_when_it_is_silent(
    storage: str, silent: float, again: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_in(storage)
    elsewhere = taken(seats_of(study, 1))
    leave_to(study, elsewhere, {"machine": "elsewhere", "pid": 1, "began": 0.0})
    now = time.time()
    elsewhere.set_user_attr(ALIVE, now + 5)
    monkeypatch.setattr("trainers.tuning.seats.time.time", lambda: now + 5 + silent)
    assert finish(seats_of(study, 1)) == again


def test_trial_that_failed_by_itself_keeps_its_seat_and_one_that_was_stopped_does_not(
    storage: str,
) -> None:
    study = study_in(storage)
    seats = seats_of(study, 2)
    for attribute in (FAILURE, STOPPED):
        trial = taken(seats)
        trial.suggest_float("x", 0, 1)
        trial.set_user_attr(attribute, "a reason")
        study.tell(trial, state=TrialState.FAIL)
    assert finish(seats) == [1]
    assert states(study) == {0: TrialState.FAIL, 1: TrialState.COMPLETE}
    assert deaths(study, 1) == 0  # nobody died of it


def test_waiting_trial_of_a_seat_that_is_taken_is_never_done(storage: str) -> None:
    study = study_in(storage)
    for _ in range(2):  # as if two workers had offered it at the same moment
        study.enqueue_trial({}, user_attrs={SEAT: 0, WORKER: vars(this_worker())})
    study.enqueue_trial({}, user_attrs={SEAT: 9, WORKER: vars(this_worker())})
    assert finish(seats_of(study, 2)) == [0, 1]
    ended = Counter(trial.state for trial in study.get_trials())
    assert ended == {TrialState.COMPLETE: 2, TrialState.FAIL: 2}


def test_deaths_are_counted_until_it_is_the_trial_that_kills(storage: str) -> None:
    study = study_in(storage)
    seats = seats_of(study, 1)
    for count in range(MOST_DEATHS):
        assert deaths(study, 0) == count
        trial = taken(seats)
        trial.suggest_float("x", 0, 1)
        leave_to(study, trial, process_that_ended())
        assert study.get_trials()[trial.number].params == study.get_trials()[0].params
        seats.take()  # frees it, and takes it again
        study.tell(len(study.get_trials()) - 1, state=TrialState.FAIL)
    assert deaths(study, 0) == MOST_DEATHS
