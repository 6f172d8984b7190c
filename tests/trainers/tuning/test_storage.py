import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optuna
import pytest

from errors import ArtifactError, OnnxproofError, UnfinishedError, UnusableError, UsageError
from trainers.tuning.storage import opened_storage, storage_place


def test_password_is_in_no_text() -> None:
    url = "postgresql://me:s3cret@host:5432/studies?sslpassword=s3cret"
    place = storage_place(url)
    assert place.shown == "postgresql://me:***@host:5432/studies"
    told = place.without_password(f"tune --storage {url}: refused s3cret")
    assert "s3cret" not in told
    assert told.startswith("tune --storage postgresql://me:***@host:5432/studies: ")


def test_file_is_a_journal_and_url_a_database(tmp_path: Path) -> None:
    journal = storage_place(str(tmp_path / "deep" / "journal.log"))
    assert isinstance(opened_storage(journal), optuna.storages.JournalStorage)
    assert journal.shown == str(tmp_path / "deep" / "journal.log")
    database = storage_place(f"sqlite:///{tmp_path / 'studies.db'}")
    assert isinstance(opened_storage(database), optuna.storages.RDBStorage)
    assert database.without_password("all of it") == "all of it"


@pytest.mark.parametrize(
    ("text", "kind", "problem"),
    [
        ("sqlite://", UsageError, "keeps nothing"),
        ("sqlite:///:memory:", UsageError, "keeps nothing"),
        ("a b://host:port/x", UsageError, "wanted a file, or a URL"),
        ("oracles://host/x", UsageError, "knows no database 'oracles'"),
        ("postgresql://me:s3cret@host/x", UnusableError, "psycopg"),
        ("sqlite:////nowhere/at/all.db", ArtifactError, "unable to open database file"),
    ],
)
def test_storage_that_cannot_be_had_is_told(
    text: str, kind: type[OnnxproofError], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainers.tuning.storage.time.sleep", lambda _seconds: None)
    with pytest.raises(kind) as caught:
        opened_storage(storage_place(text))
    assert problem in caught.value.problem
    assert "s3cret" not in str(caught.value)


def test_workers_that_begin_at_once_make_one_database(tmp_path: Path) -> None:
    place, together = storage_place(f"sqlite:///{tmp_path / 'new.db'}"), threading.Barrier(4)

    def begin(_worker: int) -> str:
        together.wait()
        storage = opened_storage(place)
        study = optuna.create_study(storage=storage, study_name="one", load_if_exists=True)
        return study.study_name

    with ThreadPoolExecutor(4) as workers:
        assert list(workers.map(begin, range(4))) == ["one"] * 4


def test_database_of_others_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainers.tuning.storage.time.sleep", lambda _seconds: None)
    path = tmp_path / "notes.db"
    path.write_bytes(b"this is no database, and long enough to be looked at as one" * 20)
    with pytest.raises(ArtifactError, match="not a database"):
        opened_storage(storage_place(f"sqlite:///{path}"))


@pytest.mark.parametrize(
    "content",
    [
        b"hello\n",
        b"[1]\n",
        b'{"op_code": 4}\n',
        b'hello\n{"op_code": 0}\n',
        b"\x00" * 100 + b"\n",
        b'"op_code"\n',
    ],
)
def test_journal_that_is_none_is_refused_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.log"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="is no journal of Optuna"):
        opened_storage(storage_place(str(path)))
    assert path.read_bytes() == content
    assert [found.name for found in tmp_path.iterdir()] == ["journal.log"]  # and no lock


def test_end_of_a_line_that_was_lost_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    study = optuna.create_study(storage=opened_storage(storage_place(str(path))), study_name="a")
    study.add_trial(optuna.trial.create_trial(value=0.5))
    whole = path.read_bytes()
    for lost in (b'{"op_code":4,"worker_id":"', b"\x00\x00"):
        path.write_bytes(whole + lost)
        storage = opened_storage(storage_place(str(path)))
        assert path.read_bytes() == whole
        found = optuna.load_study(storage=storage, study_name="a")
        assert [trial.value for trial in found.get_trials()] == [0.5]


def test_directory_in_the_place_of_a_journal_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnfinishedError, match="no regular file"):
        opened_storage(storage_place(str(tmp_path)))
