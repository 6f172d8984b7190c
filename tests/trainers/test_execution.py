import os
from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from errors import UnusableError, UsageError
from models import build
from models.classifier import Classifier
from trainers.execution import (
    CUBLAS_SETTING,
    MULTIPLY_ADDS_PER_THREAD,
    compiler_errors_told,
    multiply_adds,
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


def test_multiply_adds_are_those_counted_by_hand() -> None:
    mlp = build("mlp", num_classes=10, in_channels=1, image_size=(28, 28))
    assert multiply_adds(mlp, (1, 28, 28)) == 784 * 128 + 128 * 64 + 64 * 10
    convolution = nn.Sequential(nn.Conv2d(3, 4, 5), nn.Flatten())
    network = Classifier(convolution, mean=[0.0] * 3, std=[1.0] * 3)
    network.train()
    assert multiply_adds(network, (3, 9, 8)) == (5 * 4) * 4 * (3 * 5 * 5)
    assert network.training


def test_multiply_adds_are_those_that_torch_counts() -> None:
    resnet = build("resnet18", num_classes=10, in_channels=3, image_size=(16, 16)).eval()
    with FlopCounterMode(display=False) as counter:
        resnet(torch.zeros((1, 3, 16, 16), dtype=torch.uint8))
    assert multiply_adds(resnet, (3, 16, 16)) * 2 == counter.get_total_flops()


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
