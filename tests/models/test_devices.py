from collections.abc import Iterator

import pytest
import torch

from errors import UnusableError, UsageError
from models.devices import device_from_name, set_tf32

CUDA_DEVICES = torch.cuda.device_count()  # 0 on most machines; the tests hold on all


@pytest.fixture
def tf32_allowed() -> Iterator[None]:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    earlier = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = True
    yield
    matmul.allow_tf32, cudnn.allow_tf32 = earlier


def test_auto_is_cuda_where_it_works_and_else_the_cpu() -> None:
    assert device_from_name("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_cpu_is_the_cpu() -> None:
    assert device_from_name("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    "name", ["gpu", "CUDA", "", "cuda:", "cuda:-1", "cuda:1.5", "0", "meta", "xla", "cuda:9" * 9]
)
def test_unknown_device_is_refused_with_the_right_ones(name: str) -> None:
    with pytest.raises(UsageError, match="wanted auto, cpu, cuda, cuda:N or mps") as caught:
        device_from_name(name)
    assert caught.value.subject == "--device"
    assert repr(name) in caught.value.problem


@pytest.mark.parametrize("index", range(4))
def test_cuda_device_is_given_or_refused_and_never_replaced(index: int) -> None:
    name = f"cuda:{index}"
    if index < CUDA_DEVICES:
        assert device_from_name(name) == torch.device("cuda", index)
    else:
        with pytest.raises(UnusableError, match=f"{name}: .* sees {CUDA_DEVICES} CUDA devices"):
            device_from_name(name)


def test_cuda_is_refused_with_a_way_out_when_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UnusableError, match="sees 0 CUDA devices") as caught:
        device_from_name("cuda")
    assert "--device cpu" in str(caught.value.hint)


def test_cuda_is_given_when_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert device_from_name("cuda") == torch.device("cuda")
    assert device_from_name("cuda:0") == torch.device("cuda", 0)
    with pytest.raises(UnusableError, match=r"cuda:1: .* sees 1 CUDA devices"):
        device_from_name("cuda:1")


@pytest.mark.parametrize("name", ["cuda:255", "cuda:256", "cuda:65536"])
def test_cuda_index_that_torch_wraps_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UnusableError, match=f"{name}: .* sees 1 CUDA devices"):
        device_from_name(name)


def test_mps_is_refused_when_there_is_no_metal_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UnusableError, match="mps: PyTorch sees no Metal device"):
        device_from_name("mps")


@pytest.mark.usefixtures("tf32_allowed")
def test_tf32_is_set_for_products_and_convolutions() -> None:
    set_tf32(False)
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    set_tf32(True)
    assert torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32
