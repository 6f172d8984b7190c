import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from errors import ArtifactError, UnfinishedError
from models import build
from models.weights import copied_weights, load_weights, write_weights

Weights = dict[str, Tensor]


def mlp(num_classes: int = 10, mean: float = 0.0) -> nn.Module:
    return build(
        "mlp",
        num_classes=num_classes,
        in_channels=1,
        image_size=(8, 8),
        mean=[mean],
        std=[255.0],
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.safetensors"


def same(one: nn.Module, other: nn.Module) -> bool:
    tensors, others = one.state_dict(), other.state_dict()
    return all(torch.equal(tensor, others[name]) for name, tensor in tensors.items())


def refusal(path: Path, network: nn.Module) -> str:
    """What is wrong with the file; the network is as it was before."""
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(ArtifactError) as caught:
        load_weights(path, network)
    assert caught.value.subject == str(path)
    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())
    return caught.value.problem


def test_weights_come_back_into_another_network(path: Path) -> None:
    saved, network = mlp(mean=33.0), mlp()
    save_file(saved.state_dict(), path)
    assert not same(saved, network)
    load_weights(path, network)
    assert same(saved, network)
    images = torch.randint(0, 256, (3, 1, 8, 8), dtype=torch.uint8)
    assert torch.equal(saved(images), network(images))


def cut(weights: Weights) -> None:
    weights["network.1.weight"] = weights["network.1.weight"][:, :-1].contiguous()


def halve(weights: Weights) -> None:
    weights["network.1.weight"] = weights["network.1.weight"].half()


def remove(weights: Weights) -> None:
    del weights["network.1.weight"]


def add(weights: Weights) -> None:
    weights["network.9.weight"] = torch.zeros(2)


def test_network_that_asks_for_its_version_takes_its_own_weights(path: Path) -> None:
    def mnasnet() -> nn.Module:
        return build("torchvision:mnasnet0_5", num_classes=3, in_channels=3, image_size=(32, 32))

    written, read = mnasnet(), mnasnet()
    write_weights(path, copied_weights(written))

    load_weights(path, read)

    own = read.state_dict()
    assert all(torch.equal(own[name], value) for name, value in written.state_dict().items())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (cut, "tensor network.1.weight: wanted float32 [128, 64], found float32 [128, 63]"),
        (halve, "tensor network.1.weight: wanted float32 [128, 64], found float16 [128, 64]"),
        (remove, "tensor network.1.weight: wanted float32 [128, 64], found none"),
        (add, "tensor network.9.weight: wanted none, found float32 [2]"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_tensor(
    path: Path, change: Callable[[Weights], None], problem: str
) -> None:
    weights = dict(mlp().state_dict())
    change(weights)
    save_file(weights, path)
    assert refusal(path, mlp()) == problem


def test_weights_of_another_number_of_classes_are_refused(path: Path) -> None:
    save_file(mlp(num_classes=3).state_dict(), path)
    assert refusal(path, mlp()) == (
        "tensor network.5.bias: wanted float32 [10], found float32 [3];"
        " tensor network.5.weight: wanted float32 [10, 64], found float32 [3, 64]"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_number_that_is_not_finite_is_refused_by_tensor(path: Path, value: float) -> None:
    weights = dict(mlp().state_dict())
    weights["network.3.bias"][5] = value
    save_file(weights, path)
    assert refusal(path, mlp()) == "tensor network.3.bias: holds numbers that are not finite"


def test_file_for_more_memory_than_there_is_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file(mlp().state_dict(), path)
    monkeypatch.setattr("untrusted.memory.available_memory_bytes", lambda: 1000)
    with pytest.raises(UnfinishedError, match="bytes of memory, 1,000 are free"):
        load_weights(path, mlp())


@pytest.mark.parametrize("share", [0.0, 0.00001, 0.001, 0.1, 0.5, 0.99999])
def test_truncated_file_is_refused(path: Path, share: float) -> None:
    save_file(mlp().state_dict(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert refusal(path, mlp()).startswith("cannot be read: ")


def test_file_with_more_behind_its_end_is_refused(path: Path) -> None:
    save_file(mlp().state_dict(), path)
    path.write_bytes(path.read_bytes() + b"\0")
    assert refusal(path, mlp()).startswith("cannot be read: ")


def test_pickled_checkpoint_is_refused_and_not_run(path: Path) -> None:
    torch.save(mlp().state_dict(), path)
    assert refusal(path, mlp()).startswith("cannot be read: ")


def test_missing_file_is_refused(path: Path) -> None:
    assert refusal(path, mlp()) == "no such file"
    os.mkfifo(path)
    assert refusal(path, mlp()) == "is a named pipe: wanted a regular file"
