"""Where Optuna keeps a study: a journal file, or a database by its URL; opened, or told why not."""

import contextlib
import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import optuna
import sqlalchemy.event
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from sqlalchemy.engine import make_url
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from errors import ArtifactError, UnfinishedError, UnusableError, UsageError
from storage.writing import not_written, require_replaceable

BUSY_SECONDS = 60.0  # that SQLite waits for another worker
OPENING_TRIES = 5  # two workers that begin at once may both make the tables

log = logging.getLogger("onnxproof")


@dataclass(frozen=True, kw_only=True)
class StoragePlace:
    """Where a study is kept.

    Attributes:
        journal: a file of Optuna's journal; None for a database.
        url: of a database, as SQLAlchemy wants it; None for a journal.
    """

    journal: Path | None = None
    url: str | None = None

    @property
    def shown(self) -> str:
        """The place for people and records, without the database's password."""
        if self.url is None:
            return str(self.journal)
        return make_url(self.url).set(query={}).render_as_string(hide_password=True)

    def without_password(self, text: str) -> str:
        """Return a text without what is secret in the place."""
        if self.url is None:
            return text
        password = make_url(self.url).password
        text = text.replace(self.url, self.shown)
        return text.replace(password, "***") if password else text


def storage_place(text: str) -> StoragePlace:
    """Return the place that --storage names: what has :// in it is a database's URL.

    Raises:
        UsageError: it is no URL that SQLAlchemy can read, or keeps nothing.
    """
    if "://" not in text:
        return StoragePlace(journal=Path(text))
    try:
        url = make_url(text)
    except (SQLAlchemyError, ValueError):  # whose message may hold the password
        raise UsageError(
            "--storage", "wanted a file, or a URL such as sqlite:///FILE or postgresql://HOST/NAME"
        ) from None
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise UsageError("--storage", f"{text} keeps nothing: wanted sqlite:///FILE")
    return StoragePlace(url=text)


def opened_storage(place: StoragePlace) -> BaseStorage:
    """Return Optuna's storage there, made if there is none.

    Raises:
        UsageError: there are no such databases.
        ArtifactError: what is there is no such storage, or cannot be reached.
        UnfinishedError: it cannot be written.
        UnusableError: the driver of such databases is not installed.
    """
    if place.journal is not None:
        return _journal(place.journal)
    return _database(place)


def close_storage(storage: BaseStorage) -> None:
    """Let go of the connections to a database; a journal has none."""
    storage.remove_session()
    if isinstance(storage, RDBStorage):
        storage.engine.dispose()


def _journal(path: Path) -> BaseStorage:
    require_replaceable(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            _require_whole_lines(path)
        return JournalStorage(JournalFileBackend(str(path)))
    except OSError as error:
        raise not_written(path, error) from error
    except MemoryError:
        raise
    except Exception as error:  # Optuna takes what it reads for its own: any error may come of it
        raise ArtifactError(
            str(path),
            "is no journal of Optuna, or is damaged",
            hint="restore the file, or begin another study with --study NAME",
        ) from error


def _require_whole_lines(path: Path) -> None:
    """Drop the part of a line that a full disk, or a lost machine, left at the end.

    Optuna would write behind it, and not be able to read that line again. A last line that is whole
    but none of its own it would not notice either.

    Raises:
        ValueError: the last whole line is none of a journal.
    """
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()
    try:
        with path.open("rb+") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            if whole and "op_code" not in json.loads(content[:whole].splitlines()[-1]):
                raise ValueError("the last line is no operation")
            if whole < len(content):
                log.info("%s: the last line is not whole, and is dropped", path)
                file.truncate(whole)
                os.fsync(file.fileno())
    finally:
        lock.release()


def _database(place: StoragePlace) -> BaseStorage:
    assert place.url is not None
    is_sqlite = make_url(place.url).get_backend_name() == "sqlite"
    arguments = {"connect_args": {"timeout": BUSY_SECONDS}} if is_sqlite else {}
    for attempt in range(1, OPENING_TRIES + 1):
        try:
            storage = RDBStorage(place.url, engine_kwargs=arguments)
            break
        except ImportError as error:
            reason = place.without_password(str(error.__cause__ or error))
            raise UnusableError("--storage", f"{place.shown}: {reason}") from None
        except NoSuchModuleError:
            name = make_url(place.url).drivername
            raise UsageError("--storage", f"SQLAlchemy knows no database {name!r}") from None
        except MemoryError:
            raise
        # Half of another worker's tables may be there: Optuna then fails by an assertion, say.
        except Exception as error:
            if attempt == OPENING_TRIES:
                raise ArtifactError(place.shown, _first_line(place, error)) from None
        time.sleep(0.1 * attempt)
    if is_sqlite:
        _let_transactions_follow_each_other(storage)
    return storage


def _let_transactions_follow_each_other(storage: RDBStorage) -> None:
    """Let each of SQLite's transactions lock the file when it begins, not when it first writes.

    Optuna reads with FOR UPDATE, which SQLite does not know: two workers would read that one trial
    waits, and both make it theirs. (SQLAlchemy's documentation, "Serializable isolation".)
    """

    def leave_transactions_to_us(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]

    def begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    storage.engine.dispose()  # the connections that it has begin otherwise
    sqlalchemy.event.listen(storage.engine, "connect", leave_transactions_to_us)
    sqlalchemy.event.listen(storage.engine, "begin", begin)


@contextlib.contextmanager
def storage_errors_told(place: StoragePlace) -> Iterator[None]:
    """Tell in one line that the storage does not answer any more.

    Raises:
        UnfinishedError: it does not.
    """
    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        raise UnfinishedError(
            place.shown,
            _first_line(place, error.__cause__ or error),
            hint="the same command goes on when it answers again",
        ) from None


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna's own lines off the terminal while the block runs: it tells each trial."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _first_line(place: StoragePlace, error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return place.without_password(lines[0]) if lines else type(error).__name__
