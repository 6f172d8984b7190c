import math
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file as save
from torch import Tensor, nn

from errors import ArtifactError
from models import NetworkName, build
from models.foreign_weights import (
    class_count,
    head_names,
    load_foreign,
    normalization_in,
    read_weights,
)
from models.weights import write_weights

NAME = NetworkName(name="lenet5")
SIZE = (28, 28)


def lenet(classes: int = 10) -> nn.Module:
    return build("lenet5", num_classes=classes, in_channels=1, image_size=SIZE).network


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize("wrapped", ["plain", "state_dict", "model", "checkpoint"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_state_dict_is_read_however_it_was_wrapped(
    wrapped: str, prefix: str, tmp_path: Path
) -> None:
    theirs = lenet().state_dict()
    content: dict[str, object] = dict(prefixed(prefix, theirs))
    if wrapped == "checkpoint":
        content = {"model_state_dict": content, "epoch": 3, "optimizer": {"lr": 0.1}}
    elif wrapped != "plain":
        content = {wrapped: content}
    torch.save(content, tmp_path / "net.pt")
    ours = lenet()
    assert load_foreign(read_weights(tmp_path / "net.pt"), ours) == ()
    assert all(torch.equal(ours.state_dict()[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pt"])
def test_our_own_checkpoint_is_read_with_its_normalization(name: str, tmp_path: Path) -> None:
    classifier = build(
        "lenet5", num_classes=10, in_channels=1, image_size=SIZE, mean=[33.0], std=[78.5]
    )
    path = tmp_path / name
    if path.suffix == ".pt":
        torch.save(classifier.state_dict(), path)
    else:
        write_weights(path, classifier.state_dict())
    assert normalization_in(path) == ((33.0,), (78.5,))
    ours = lenet()
    load_foreign(read_weights(path), ours)
    assert torch.equal(ours.state_dict()["c1.bias"], classifier.network.state_dict()["c1.bias"])


def test_other_people_s_checkpoint_does_not_say_its_normalization(tmp_path: Path) -> None:
    theirs = lenet().state_dict()
    torch.save(theirs, tmp_path / "net.pt")
    save(theirs | {"mean": torch.zeros(1)}, tmp_path / "net.safetensors")
    assert normalization_in(tmp_path / "net.pt") is None
    assert normalization_in(tmp_path / "net.safetensors") is None
    (tmp_path / "damaged.safetensors").write_bytes(b"no such thing")
    with pytest.raises(ArtifactError, match="damaged"):
        normalization_in(tmp_path / "damaged.safetensors")


def test_prefix_that_the_network_itself_has_stays(tmp_path: Path) -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Linear(3, 2)

    theirs, ours = Wrapped(), Wrapped()
    save(theirs.state_dict(), tmp_path / "net.safetensors")
    load_foreign(read_weights(tmp_path / "net.safetensors"), ours)
    assert torch.equal(ours.module.weight, theirs.module.weight)


def test_half_precision_is_widened_and_double_is_refused(tmp_path: Path) -> None:
    theirs = lenet().half().state_dict()
    save(theirs, tmp_path / "half.safetensors")
    ours = lenet()
    load_foreign(read_weights(tmp_path / "half.safetensors"), ours)
    assert torch.equal(ours.state_dict()["c1.weight"], theirs["c1.weight"].float())
    save(lenet().double().state_dict(), tmp_path / "double.safetensors")
    with pytest.raises(ArtifactError, match=r"c1\.bias: wanted float32 \[6\], found float64"):
        load_foreign(read_weights(tmp_path / "double.safetensors"), lenet())


def test_head_is_what_follows_from_the_number_of_classes() -> None:
    assert head_names(NAME, 1, SIZE) == {"output.weight", "output.bias"}


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_number_of_classes_is_the_head_s(classes: int, tmp_path: Path) -> None:
    save(lenet(classes).state_dict(), tmp_path / "net.safetensors")
    assert class_count(read_weights(tmp_path / "net.safetensors"), NAME, 1, SIZE) == classes


def test_head_for_other_classes_stays_random_where_that_is_allowed(tmp_path: Path) -> None:
    save(lenet(7).state_dict(), tmp_path / "net.safetensors")
    weights, ours = read_weights(tmp_path / "net.safetensors"), lenet(10)
    before = ours.state_dict()["output.bias"].clone()
    kept = load_foreign(weights, ours, may_differ=head_names(NAME, 1, SIZE))
    assert kept == ("output.bias", "output.weight")
    assert torch.equal(ours.state_dict()["output.bias"], before)
    assert torch.equal(ours.state_dict()["c1.bias"], weights.tensors["c1.bias"])
    with pytest.raises(ArtifactError, match=r"bias: wanted float32 \[10\], found float32 \[7\]"):
        load_foreign(weights, lenet(10))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"more": torch.zeros(2)}, r"tensor more: wanted none, found float32 \[2\]"),
        ({"c1.bias": torch.full((6,), math.nan)}, r"c1\.bias: holds numbers that are not finite"),
        ({"c1.bias": torch.full((6,), -math.inf)}, r"c1\.bias: holds numbers that are not finite"),
        (
            {name: torch.zeros(1) for name in "abcde"},
            r"tensor a: .*; tensor b: .*; tensor c: wanted none, .*; and 2 more$",
        ),
        ({"c1.bias": torch.zeros(5)}, r"c1\.bias: wanted float32 \[6\], found float32 \[5\]"),
    ],
)
def test_weights_of_another_network_are_refused_by_the_tensor(
    change: dict[str, Tensor], told: str, tmp_path: Path
) -> None:
    save(lenet().state_dict() | change, tmp_path / "net.safetensors")
    with pytest.raises(ArtifactError, match=told):
        load_foreign(read_weights(tmp_path / "net.safetensors"), lenet())


def test_missing_tensor_is_refused(tmp_path: Path) -> None:
    theirs = lenet().state_dict()
    del theirs["c3.weight"]
    save(theirs, tmp_path / "net.safetensors")
    with pytest.raises(ArtifactError, match=r"c3\.weight: wanted .*, found none"):
        load_foreign(read_weights(tmp_path / "net.safetensors"), lenet())


def test_file_without_a_tensor_is_refused(tmp_path: Path) -> None:
    save({}, tmp_path / "net.safetensors")
    with pytest.raises(ArtifactError, match="holds no weights"):
        read_weights(tmp_path / "net.safetensors")


def test_weights_without_a_head_do_not_say_their_classes(tmp_path: Path) -> None:
    save({"c1.bias": torch.zeros(6)}, tmp_path / "net.safetensors")
    with pytest.raises(ArtifactError, match="not the number of classes"):
        class_count(read_weights(tmp_path / "net.safetensors"), NAME, 1, SIZE)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("net.pt", b""),
        ("net.pt", b"PK\x03\x04 and no more"),
        ("net.safetensors", b""),
        ("net.safetensors", b"\xff" * 64),
        ("net.pt", b"a text"),
    ],
)
def test_damaged_file_is_refused_by_name(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=name):
        read_weights(tmp_path / name)


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name in ("net.pt", "net.safetensors"):
        with pytest.raises(ArtifactError, match="no such file"):
            read_weights(tmp_path / name)
        os.mkfifo(tmp_path / name)
        with pytest.raises(ArtifactError, match="is a named pipe"):
            read_weights(tmp_path / name)
    with pytest.raises(ArtifactError, match="is a directory"):
        read_weights(tmp_path)


def test_head_of_another_dtype_is_refused_where_other_classes_are_not(tmp_path: Path) -> None:
    save(
        lenet().state_dict() | {"output.bias": torch.zeros(10).double()},
        tmp_path / "net.safetensors",
    )
    with pytest.raises(ArtifactError, match=r"output\.bias: wanted float32 \[10\], found float64"):
        load_foreign(
            read_weights(tmp_path / "net.safetensors"),
            lenet(),
            may_differ=head_names(NAME, 1, SIZE),
        )


def test_mask_that_is_infinite_in_the_network_too_is_taken(tmp_path: Path) -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mask", torch.tensor([0.0, -math.inf]))

    save(Masked().state_dict(), tmp_path / "net.safetensors")
    load_foreign(read_weights(tmp_path / "net.safetensors"), Masked())
    save({"mask": torch.tensor([-math.inf, 0.0])}, tmp_path / "net.safetensors")
    with pytest.raises(ArtifactError, match="tensor mask: holds numbers that are not finite"):
        load_foreign(read_weights(tmp_path / "net.safetensors"), Masked())


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ([math.nan], [1.0]),
        ([0.0], [math.inf]),
        ([0.0], [0.0]),
        ([0.0], [-1.0]),
        ([0.0, 0.0], [1.0]),
        ([0.0] * 5000, [1.0] * 5000),
        ([0], [1]),  # whole numbers are not what ours are
    ],
)
def test_normalization_that_cannot_be_is_refused(
    mean: list[float], std: list[float], tmp_path: Path
) -> None:
    path = tmp_path / "net.safetensors"
    of_network = {f"network.{name}": tensor for name, tensor in lenet().state_dict().items()}
    save(of_network | {"mean": torch.tensor(mean), "std": torch.tensor(std)}, path)
    with pytest.raises(ArtifactError, match="its mean and std are no normalization"):
        normalization_in(path)
