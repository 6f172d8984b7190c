import os
import py_compile
from pathlib import Path

import pytest
import torch

from errors import ArtifactError, UsageError
from models import NetworkName, build, network_name
from models.classifier import Classifier
from tests.models.networks import TWO_BRANCHES, trusted, written


def built_from(name: NetworkName) -> Classifier:
    return build(
        name.name,
        num_classes=5,
        in_channels=2,
        image_size=(8, 6),
        file=name.file,
        file_sha256=name.file_sha256,
    )


def built(path: Path, function: str = "factory") -> Classifier:
    return built_from(trusted(network_name(f"{path}:{function}")))


def test_network_of_a_file_gives_logits_of_raw_pixels(tmp_path: Path) -> None:
    classifier = built(written(tmp_path)).eval()
    assert classifier(torch.zeros((3, 2, 8, 6), dtype=torch.uint8)).shape == (3, 5)


def test_function_that_asks_for_it_is_given_the_image_size(tmp_path: Path) -> None:
    text = """\
from torch import nn

def factory(num_classes, in_channels, image_size):
    height, width = image_size
    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * height * width, num_classes))
"""
    classifier = built(written(tmp_path, text))
    assert classifier(torch.zeros((3, 2, 8, 6), dtype=torch.uint8)).shape == (3, 5)


def test_layers_that_wait_for_an_image_are_made_and_can_be_trained(tmp_path: Path) -> None:
    text = """\
from torch import nn

def factory(num_classes, in_channels):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(num_classes))
"""
    classifier = built(written(tmp_path, text))
    assert classifier.state_dict()["network.1.weight"].shape == (5, 2 * 8 * 6)
    assert classifier.training
    classifier(torch.zeros((3, 2, 8, 6), dtype=torch.uint8)).sum().backward()


def test_modules_beside_the_file_can_be_imported_but_ours_stay_ours(tmp_path: Path) -> None:
    (tmp_path / "my_layers.py").write_text("from torch import nn\nLayer = nn.Flatten\n")
    (tmp_path / "data.py").write_text("raise SystemExit('not this one')\n")
    text = "import my_layers\ndef factory(num_classes, in_channels): return my_layers.Layer()\n"
    assert isinstance(built(written(tmp_path, text)).network, torch.nn.Flatten)
    import data

    assert not hasattr(data, "__file__") or "site" not in str(data.__file__)
    assert hasattr(data, "load_dataset")


def test_file_that_changed_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    name = trusted(network_name(f"{path}:factory"))
    path.write_text(path.read_text() + "# changed\n")
    with pytest.raises(ArtifactError, match=r"net\.py: is not the file that the network was made"):
        built_from(name)


def leaving_a_mark(folder: Path) -> Path:
    """A network's file that shows whether it was run."""
    mark = folder / "ran"
    return written(folder, f"open({str(mark)!r}, 'w').close()\n{TWO_BRANCHES}")


def test_file_that_was_never_trusted_is_not_run(tmp_path: Path) -> None:
    path = leaving_a_mark(tmp_path)
    name = network_name(f"{path}:factory")
    with pytest.raises(ArtifactError, match="is not known to be yours") as caught:
        built_from(name)
    assert caught.value.subject == str(path)
    assert str(name.file_sha256) in caught.value.problem
    assert "--trust-code" in str(caught.value.hint)
    assert not (tmp_path / "ran").exists()
    built_from(trusted(name))
    assert (tmp_path / "ran").exists()


def test_trusted_file_is_not_trusted_with_other_content_or_in_another_folder(
    tmp_path: Path,
) -> None:
    path = written(tmp_path)
    trusted(network_name(f"{path}:factory"))
    path.write_text(path.read_text() + "# changed\n")
    (tmp_path / "elsewhere").mkdir()
    for other in (path, written(tmp_path / "elsewhere")):
        with pytest.raises(ArtifactError, match="is not known to be yours"):
            built_from(network_name(f"{other}:factory"))


def test_trust_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    name = trusted(network_name(f"{written(tmp_path)}:factory"))
    assert "net.py: not remembered as trusted" in caplog.text
    with pytest.raises(ArtifactError, match="is not known to be yours"):
        built_from(name)


def test_compiled_code_beside_the_file_is_not_run_in_its_place(tmp_path: Path) -> None:
    other = "raise SystemExit('the compiled code was run')\n"
    path = written(tmp_path, other + "#" * (len(TWO_BRANCHES) - len(other)))
    compiled = py_compile.compile(str(path), doraise=True)
    assert compiled is not None
    times = path.stat()
    written(tmp_path)  # as large and as old: what Python compares
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert built(path).network is not None


def test_named_pipe_in_the_place_of_the_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.py")
    with pytest.raises(ArtifactError, match="is a named pipe"):
        network_name(f"{tmp_path / 'net.py'}:factory")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def other(num_classes, in_channels): ...\n", r"no function 'factory': it defines other"),
        ("factory = 3\n", r"no function 'factory': it defines none"),
        ("def factory(:\n", r"net\.py: SyntaxError: .* at net\.py:1"),
        ("import nothing_of_this_name\n", r"No module named 'nothing_of_this_name' at net\.py:1"),
        (
            "def factory(num_classes, in_channels):\n    return 3\n",
            r"nn\.Module .* found int",
        ),
        (
            "def factory(num_classes, in_channels):\n    raise RuntimeError('too many')\n",
            r"too many at net\.py:2 in factory \(`raise RuntimeError\('too many'\)`\)",
        ),
        ("def factory(classes):\n    return None\n", r"TypeError: .*num_classes"),
    ],
)
def test_file_that_makes_no_network_is_told_by_its_line(
    text: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        built(written(tmp_path, text))
    assert "\n" not in str(caught.value)
