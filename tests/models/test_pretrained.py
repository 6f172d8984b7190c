"""Weights of libraries: by https, known by their hash, and not unpickled to be had."""

import os
from hashlib import sha256
from pathlib import Path

import pytest
import torch
import torchvision.models

from errors import ArtifactError, UsageError
from models.pretrained import pretrained
from tests.https import Server

NAME = "torchvision:squeezenet1_1"
WEIGHTS = torchvision.models.SqueezeNet1_1_Weights


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


def offer(monkeypatch: pytest.MonkeyPatch, server: str, content: bytes) -> str:
    """Let torchvision offer a file of that content; return what the file is called."""
    name = f"file-{sha256(content).hexdigest()[:8]}.pth"
    monkeypatch.setattr(WEIGHTS, "url", property(lambda _: f"{server}/{name}"), raising=False)
    return name


def test_weights_are_downloaded_to_where_torchvision_keeps_them(
    home: Path, trusted: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = offer(monkeypatch, trusted.url, trusted.content)
    found = pretrained(NAME)
    assert found.file == home / name
    assert found.file.read_bytes() == trusted.content
    assert found.classes is not None
    assert len(set(found.classes)) == 1000  # two of ImageNet's names occur twice
    assert pretrained(NAME) == found
    assert trusted.asked == [f"/{name}"]  # once
    assert [path.name for path in home.iterdir()] == [name]
    assert capsys.readouterr() == ("", "")  # standard output is the command's


def test_other_content_is_refused_and_nothing_left(
    home: Path, trusted: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, trusted.url, trusted.content)
    trusted.content = b"other weights"
    with pytest.raises(ArtifactError, match="sent is not the file: its sha256 is") as caught:
        pretrained(NAME)
    assert "--checkpoint" in str(caught.value.hint)
    assert list(home.iterdir()) == []


def test_http_is_not_used(home: Path, plain: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, plain.url, plain.content)
    with pytest.raises(ArtifactError, match=r"cannot be downloaded: .*type: http"):
        pretrained(NAME)
    assert plain.asked == []


def test_file_without_a_hash_in_its_name_is_not_downloaded(
    home: Path, trusted: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WEIGHTS, "url", f"{trusted.url}/file.pth", raising=False)
    with pytest.raises(ArtifactError, match=r"the hash of https://.* is not known"):
        pretrained(NAME)
    assert trusted.asked == []


class Hostile:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def test_file_in_the_library_s_cache_is_compared_and_not_unpickled(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "trace"
    home.mkdir(parents=True)
    torch.save({"weights": Hostile(trace)}, home / Path(WEIGHTS.DEFAULT.url).name)
    with pytest.raises(ArtifactError, match="is not the library's file: its sha256 is") as caught:
        pretrained(NAME)
    assert caught.value.hint == "remove it, and it is downloaded again"
    content = (home / Path(WEIGHTS.DEFAULT.url).name).read_bytes()
    (home / offer(monkeypatch, "https://localhost", content)).write_bytes(content)
    pretrained(NAME)  # by its hash it is the library's; what reads it is models.foreign_weights
    assert not trace.exists()


def test_weights_that_cannot_be_downloaded_are_an_error_with_a_way_out(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(ArtifactError, match="cannot be downloaded") as caught:
        pretrained(NAME)
    assert "--checkpoint" in str(caught.value.hint)


def in_hub(folder: Path, content: bytes, called: str) -> None:
    """Lay a file of timm's into a cache of Hugging Face's hub, as if it had been downloaded."""
    own = folder / "models--timm--resnet18.a1_in1k"
    (own / "blobs").mkdir(parents=True)
    (own / "blobs" / called).write_bytes(content)
    snapshot = own / "snapshots" / ("1" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to(own / "blobs" / called)
    (own / "refs").mkdir()
    (own / "refs" / "main").write_text("1" * 40)


@pytest.mark.parametrize("is_whole", [True, False])
def test_file_of_the_hub_is_compared_with_its_name(
    is_whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("timm")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    content = b"weights"
    in_hub(tmp_path, content if is_whole else b"Weights", sha256(content).hexdigest())
    if is_whole:
        assert pretrained("timm:resnet18").file.read_bytes() == content
    else:
        with pytest.raises(ArtifactError, match="is not the library's file"):
            pretrained("timm:resnet18")


def test_hub_is_asked_by_https_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("timm")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://localhost:9")
    with pytest.raises(ArtifactError, match="its hub is http://localhost:9: wanted https"):
        pretrained("timm:resnet18")


def test_weights_of_our_own_networks_do_not_exist() -> None:
    with pytest.raises(UsageError, match="lenet5 is not a library's"):
        pretrained("lenet5")
