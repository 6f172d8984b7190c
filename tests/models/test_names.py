from pathlib import Path

import pytest

from artifacts.files import sha256_of_file
from errors import ArtifactError, UsageError
from models import MODEL_NAMES, network_name
from models.names import library_of
from tests.models.networks import written


@pytest.mark.parametrize("name", [*MODEL_NAMES, "torchvision:resnet18", "timm:resnet18.a1_in1k"])
def test_name_of_ours_or_of_a_library_is_taken_as_it_is(name: str) -> None:
    network = network_name(name)
    assert (network.name, network.file, network.file_sha256) == (name, None, None)
    assert network.library == (name.partition(":")[0] if ":" in name else None)


def test_user_s_file_is_named_by_path_and_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path)
    monkeypatch.chdir(tmp_path)
    network = network_name("net.py:factory")
    assert (network.name, network.file) == ("net.py:factory", str(path))
    assert network.file_sha256 == sha256_of_file(path)
    assert network.library is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("lenet", "did you mean 'lenet5'?"),
        ("", None),
        ("torchvision:", None),
        ("hub:resnet18", None),
        ("net.py", None),
        ("net.py:", None),
        ("net.py:two words", None),
        ("net.txt:factory", None),
    ],
)
def test_what_is_no_network_is_refused(text: str, hint: str | None) -> None:
    with pytest.raises(UsageError, match="--model") as caught:
        network_name(text)
    if hint:
        assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("missing.py:factory", r"missing\.py: no such file"),
        ("folder.py:factory", r"folder\.py: is a directory: wanted a regular file"),
    ],
)
def test_file_that_is_not_there_is_named(
    text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(ArtifactError, match=told):
        network_name(text)


def test_library_is_what_stands_before_a_colon() -> None:
    assert library_of("timm:vit_tiny_patch16_224") == "timm"
    assert library_of("timm") is None
    assert library_of("net.py:factory") is None
