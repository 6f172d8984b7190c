import os
from collections.abc import Iterator

import pytest
import torch

from errors import UnusableError, UsageError
from trainers.execution import (
    CUBLAS_SETTING,
    MULTIPLY_ADDS_PER_THREAD,
    compiler_errors_told,
    set_determinism,
    thread_count,
)


@pytest.fixture
def settings_restored() -> Iterator[None]:
    deterministic = torch.are_deterministic_algorithms_enabled()
    benchmark = torch.backends.cudnn.benchmark
    yield
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = benchmark


@pytest.mark.parametrize(
    ("work", "cpus", "threads"),
    [
        (0, 8, 1),
        (2 * MULTIPLY_ADDS_PER_THREAD - 1, 8, 1),
        (2 * MULTIPLY_ADDS_PER_THREAD, 8, 2),
        (10**12, 8, 8),
        (10**12, 1, 1),
    ],
)
def test_threads_are_as_many_as_the_work_is_worth(work: int, cpus: int, threads: int) -> None:
    assert thread_count(work, cpus) == threads


def test_determinism_is_set_and_taken_back(settings_restored: None) -> None:
    for wanted in (True, False):
        set_determinism(wanted, torch.device("cpu"))
        assert torch.are_deterministic_algorithms_enabled() == wanted
        assert torch.backends.cudnn.benchmark != wanted


def test_determinism_on_cuda_is_refused_when_cublas_was_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, settings_restored: None
) -> None:
    monkeypatch.setenv(CUBLAS_SETTING, ":0:0")
    with pytest.raises(UsageError, match="--deterministic"):
        set_determinism(True, torch.device("cuda"))
    monkeypatch.delenv(CUBLAS_SETTING)
    set_determinism(True, torch.device("cuda"))
    assert os.environ.pop(CUBLAS_SETTING) == ":4096:8"


def test_compiler_s_failure_is_told_and_other_errors_pass() -> None:
    from torch._dynamo.exc import BackendCompilerFailed

    def broken(*_arguments: object) -> None:
        raise ValueError("no C++ compiler")

    with pytest.raises(UnusableError, match="no C\\+\\+ compiler"), compiler_errors_told():
        raise BackendCompilerFailed(broken, ValueError("no C++ compiler"), None)
    with pytest.raises(RuntimeError, match="another"), compiler_errors_told():
        raise RuntimeError("another")
