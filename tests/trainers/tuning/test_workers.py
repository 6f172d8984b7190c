"""Several processes on one study, of which one is killed: no trial is lost, none done twice."""

import signal
import subprocess
import time
from pathlib import Path

import optuna
import pytest

from artifacts.tuning_records import TuningStudy
from tests.trainers.runs import started
from tests.trainers.tuning.searches import record_of, results, search, words
from trainers.tuning.seats import is_void
from trainers.tuning.storage import opened_storage, storage_place

MANY = 5_000  # trials; none of the workers gets so far
EPOCHS = 4
WAIT_SECONDS = 300.0


def finished(study: Path) -> TuningStudy:
    """The record less what runs."""
    record = record_of(study)
    trials = [trial for trial in record.trials if trial.state != "running"]
    return record.model_copy(update={"trials": tuple(trials)})


def wait_for_both(study: Path, workers: list[subprocess.Popen[str]]) -> None:
    """Return when each of the workers has finished a trial, and one three of them."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end and all(worker.poll() is None for worker in workers):
        if (study / "study.json").is_file():
            by = [trial.worker for trial in finished(study).trials]
            if len(set(by)) == len(workers) and len(by) >= 5:
                return
        time.sleep(0.02)
    pytest.fail(f"they did not share it: {[worker.poll() for worker in workers]}")


@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_two_workers_share_a_study_one_is_killed_and_another_ends_it(
    storage: str, tiny_npz: Path, tmp_path: Path
) -> None:
    study, url = tmp_path / "shared", f"sqlite:///{tmp_path / 'study.db'}"
    options = ("--storage", url) if storage == "sqlite" else ()
    arguments = words(tiny_npz, study, *options, trials=MANY, epochs=EPOCHS)
    workers = [started(arguments, tmp_path) for _ in range(2)]
    try:
        wait_for_both(study, workers)
        killed, stopped = workers
        killed.kill()
        stopped.send_signal(signal.SIGINT)
        _, errors = stopped.communicate(timeout=WAIT_SECONDS)
        assert stopped.returncode == 130, errors
        assert "hint: the same command goes on" in errors
        killed.communicate(timeout=WAIT_SECONDS)
        assert killed.returncode == -signal.SIGKILL
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    before = finished(study).trials
    assert len({trial.worker for trial in before}) == 2
    total = max(trial.number for trial in before) + 3
    assert search(tiny_npz, study, *options, trials=total, epochs=EPOCHS) == 0
    after = record_of(study)
    assert [trial.number for trial in after.trials] == list(range(total))
    assert {trial.state for trial in after.trials} <= {"complete", "pruned"}
    kept = {trial.number for trial in before}
    assert results(before) == results(tuple(t for t in after.trials if t.number in kept))
    # With their seconds and workers, to the last digit.
    assert all(trial in after.trials for trial in before)
    _require_each_once(storage, url, study, total)


def _require_each_once(storage: str, url: str, study: Path, total: int) -> None:
    """In Optuna's storage too, whoever reads it with other tools."""
    place = storage_place(url if storage == "sqlite" else str(study / "journal.log"))
    trials = optuna.load_study(storage=opened_storage(place), study_name=study.name).get_trials()
    done = [trial for trial in trials if trial.state.is_finished() and not is_void(trial)]
    assert sorted(trial.user_attrs["seat"] for trial in done) == list(range(total))
    assert not [t for t in trials if t.state is optuna.trial.TrialState.RUNNING]


def test_two_workers_end_with_exactly_the_trials_that_were_wanted(
    tiny_npz: Path, tmp_path: Path
) -> None:
    study = tmp_path / "ended"
    arguments = words(tiny_npz, study, "--sampler", "random", "--pruner", "none", trials=12)
    workers = [started(arguments, tmp_path) for _ in range(2)]
    told = [worker.communicate(timeout=WAIT_SECONDS) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], told
    shared = record_of(study)
    assert [trial.number for trial in shared.trials] == list(range(12))
    assert {trial.state for trial in shared.trials} == {"complete"}
    # Chance draws by the seat: so one worker alone comes to the same trials, to the last bit.
    alone = tmp_path / "alone"
    assert search(tiny_npz, alone, "--sampler", "random", "--pruner", "none", trials=12) == 0
    assert results(record_of(alone).trials) == results(shared.trials)
