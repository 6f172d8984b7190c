"""Damaged files given to a reader, each in a child process that may crash without us."""

import concurrent.futures
import functools
import multiprocessing
from collections import Counter
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

from errors import OnnxproofError
from tests.robustness.mutations import Mutation, mutations

REFUSED, UNCHANGED = "refused", "unchanged"
SECONDS_EACH = 60  # where two of these tests share two CPUs
EXIT_CODES = (4, 5)

# Reads a file; returns what must not change when it is read without complaint.
Reader = Callable[[Path], object]


def outcomes_of_damage(
    read: Reader, path: Path, count: int, *, seed: int = 0, exit_codes: tuple[int, ...] = EXIT_CODES
) -> Counter[str]:
    """Return how often damaged copies of a file were refused, and read without a difference.

    Anything else fails: another exception, a crash, a hang, an answer that is another one.

    Args:
        read: a function of a module, so that a child process can find it. It is given a path like
            `path`, in a directory of its own.
        path: a file that is whole; its neighbours are not copied.
        count: of damaged copies.
        seed: of the damages.
        exit_codes: that an error may have.
    """
    content = path.read_bytes()
    damaged = list(mutations(content, count, seed=seed))
    task = partial(_outcome, read, path, read(path), exit_codes)
    return Counter(_in_child(task, mutation) for mutation in damaged)


@functools.cache
def _pool() -> concurrent.futures.ProcessPoolExecutor:
    """The one child of all these tests: to start one takes longer than to read many files."""
    context = multiprocessing.get_context("spawn")
    return concurrent.futures.ProcessPoolExecutor(max_workers=1, mp_context=context)


def _in_child(task: Callable[[Mutation], str], mutation: Mutation) -> str:
    pool = _pool()
    try:
        return pool.submit(task, mutation).result(timeout=SECONDS_EACH)
    except BrokenProcessPool:
        _pool.cache_clear()
        raise AssertionError(f"{mutation.what}: the process crashed") from None
    except TimeoutError:
        _pool.cache_clear()
        for process in pool._processes.values():
            process.kill()
        raise AssertionError(f"{mutation.what}: not done in {SECONDS_EACH} s") from None


def _outcome(
    read: Reader, path: Path, whole: object, exit_codes: tuple[int, ...], mutation: Mutation
) -> str:
    """Runs in the child."""
    copy = path.with_name(f"damaged-{path.name}")
    copy.write_bytes(mutation.content)
    try:
        found = read(copy)
    except OnnxproofError as error:
        _require_clean(error, exit_codes, mutation)
        return REFUSED
    except BaseException as error:
        raise AssertionError(f"{mutation.what}: {type(error).__name__}: {error}") from error
    finally:
        copy.unlink()
    assert found == whole, f"{mutation.what}: another answer"
    return UNCHANGED


def _require_clean(error: OnnxproofError, exit_codes: tuple[int, ...], mutation: Mutation) -> None:
    told = f"{error} {error.hint or ''}"
    assert error.exit_code in exit_codes, f"{mutation.what}: {told}"
    # The advice of torch and of numpy to run what is in a file.
    assert "weights_only" not in told, f"{mutation.what}: {told}"
    assert "allow_pickle" not in told, f"{mutation.what}: {told}"
