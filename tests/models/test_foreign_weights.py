import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch
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


def test_our_own_checkpoint_is_read_with_its_normalization(tmp_path: Path) -> None:
    classifier = build(
        "lenet5", num_classes=10, in_channels=1, image_size=SIZE, mean=[33.0], std=[78.5]
    )
    path = tmp_path / "weights.safetensors"
    write_weights(path, classifier.state_dict())
    assert normalization_in(path) == ((33.0,), (78.5,))
    ours = lenet()
    load_foreign(read_weights(path), ours)
    assert torch.equal(ours.state_dict()["c1.bias"], classifier.network.state_dict()["c1.bias"])


def test_other_people_s_checkpoint_does_not_say_its_normalization(tmp_path: Path) -> None:
    theirs = lenet().state_dict()
    torch.save(theirs, tmp_path / "net.pt")
    safetensors.torch.save_file(theirs | {"mean": torch.zeros(1)}, tmp_path / "net.safetensors")
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
    safetensors.torch.save_file(theirs.state_dict(), tmp_path / "net.safetensors")
    load_foreign(read_weights(tmp_path / "net.safetensors"), ours)
    assert torch.equal(ours.module.weight, theirs.module.weight)


def test_half_precision_is_widened_and_double_is_refused(tmp_path: Path) -> None:
    theirs = lenet().half().state_dict()
    safetensors.torch.save_file(theirs, tmp_path / "half.safetensors")
    ours = lenet()
    load_foreign(read_weights(tmp_path / "half.safetensors"), ours)
    assert torch.equal(ours.state_dict()["c1.weight"], theirs["c1.weight"].float())
    safetensors.torch.save_file(lenet().double().state_dict(), tmp_path / "double.safetensors")
    with pytest.raises(ArtifactError, match=r"c1\.bias: wanted float32, found float64"):
        load_foreign(read_weights(tmp_path / "double.safetensors"), lenet())


def test_head_is_what_follows_from_the_number_of_classes() -> None:
    assert head_names(NAME, 1, SIZE) == {"output.weight", "output.bias"}


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_number_of_classes_is_the_head_s(classes: int, tmp_path: Path) -> None:
    torch.save(lenet(classes).state_dict(), tmp_path / "net.pt")
    assert class_count(read_weights(tmp_path / "net.pt"), NAME, 1, SIZE) == classes


def test_head_for_other_classes_stays_random_where_that_is_allowed(tmp_path: Path) -> None:
    torch.save(lenet(7).state_dict(), tmp_path / "net.pt")
    weights, ours = read_weights(tmp_path / "net.pt"), lenet(10)
    before = ours.state_dict()["output.bias"].clone()
    kept = load_foreign(weights, ours, may_differ=head_names(NAME, 1, SIZE))
    assert kept == ("output.bias", "output.weight")
    assert torch.equal(ours.state_dict()["output.bias"], before)
    assert torch.equal(ours.state_dict()["c1.bias"], weights.tensors["c1.bias"])
    with pytest.raises(ArtifactError, match=r"output\.bias: wanted \[10\], found \[7\]"):
        load_foreign(weights, lenet(10))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"more": torch.zeros(2)}, r"tensor more: wanted none, found \[2\]"),
        ({"c1.bias": torch.zeros(5)}, r"c1\.bias: wanted \[6\], found \[5\]"),
    ],
)
def test_weights_of_another_network_are_refused_by_the_tensor(
    change: dict[str, Tensor], told: str, tmp_path: Path
) -> None:
    torch.save(lenet().state_dict() | change, tmp_path / "net.pt")
    with pytest.raises(ArtifactError, match=told):
        load_foreign(read_weights(tmp_path / "net.pt"), lenet())


def test_missing_tensor_is_refused(tmp_path: Path) -> None:
    theirs = lenet().state_dict()
    del theirs["c3.weight"]
    torch.save(theirs, tmp_path / "net.pt")
    with pytest.raises(ArtifactError, match=r"c3\.weight: wanted .*, found none"):
        load_foreign(read_weights(tmp_path / "net.pt"), lenet())


def test_weights_without_a_head_do_not_say_their_classes(tmp_path: Path) -> None:
    torch.save({"c1.bias": torch.zeros(6)}, tmp_path / "net.pt")
    with pytest.raises(ArtifactError, match="not the number of classes"):
        class_count(read_weights(tmp_path / "net.pt"), NAME, 1, SIZE)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("open('run', 'w')",))


def test_file_that_would_run_code_is_refused_and_torch_s_advice_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.pt").write_bytes(pickle.dumps({"weight": Evil()}))
    torch.save({"weight": Evil()}, tmp_path / "evil2.pt")
    torch.save(lenet(), tmp_path / "whole.pt")
    for name in ("evil.pt", "evil2.pt", "whole.pt"):
        with pytest.raises(ArtifactError, match="what would run code is not loaded") as caught:
            read_weights(tmp_path / name)
        assert "weights_only" not in f"{caught.value} {caught.value.hint}"
    assert not (tmp_path / "run").exists()


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


@pytest.mark.parametrize("content", [[1, 2], {}, {"weight": 3}, {3: torch.zeros(1)}])
def test_file_of_other_things_than_tensors_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(ArtifactError, match=r"net\.pt: "):
        read_weights(tmp_path / "net.pt")


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no such file"):
        read_weights(tmp_path / "net.pt")
    with pytest.raises(ArtifactError, match="not a file"):
        read_weights(tmp_path)
