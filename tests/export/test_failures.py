"""What is told of networks that cannot be exported: operator or reason, file and line, way out."""

import inspect
import re
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn

from artifacts.training_records import ModelSpec
from errors import UnfinishedError
from export.graph import traced_program
from models.classifier import Classifier
from tests.export import unexportable as networks

Capture = pytest.CaptureFixture[str]
SPEC = ModelSpec(name="theirs", num_classes=3, in_channels=1, image_size=(8, 8))


def trace(network: nn.Module, *, probabilities: bool = False, opset: int = 20) -> None:
    classifier = Classifier(network, mean=[0.0], std=[255.0])
    traced_program(classifier, SPEC, opset=opset, probabilities=probabilities)


def failure(network: nn.Module) -> UnfinishedError:
    with pytest.raises(UnfinishedError) as caught:
        trace(network)
    return caught.value


def marked_line(network: type[nn.Module]) -> tuple[int, str]:
    lines, first = inspect.getsourcelines(network)
    (place,) = (place for place, line in enumerate(lines) if line.rstrip().endswith("# here"))
    return first + place, lines[place].strip()


BY_VALUE = "Python code decides by the values of a tensor"
FIXED = "the batch size is fixed at 2"


@pytest.mark.parametrize(
    ("network", "reason", "way_out"),
    [
        (networks.Branching, BY_VALUE, "torch.where"),
        (networks.BranchingOnItem, BY_VALUE, "torch.where"),
        (networks.Repeating, BY_VALUE, "torch.where"),
        (networks.FixedView, FIXED, "x.flatten(1)"),
        (networks.FixedAddend, FIXED, "x.shape[0]"),
        (networks.FixedByInt, FIXED, "x.shape[0] as it is"),
        (networks.LoopOverImages, FIXED, "no loop"),
        (networks.NumpyFunction, "RuntimeError: .numpy() is not supported", "with torch"),
        (networks.NoTranslation, "the operator aten.linalg_qr has no translation", "other"),
        (networks.NoTranslationOnceDecomposed, "the operator prims.bessel_j0 has no", "other"),
        (networks.TranslationRefuses, "the operator aten.histc cannot be translated: Not", None),
        (networks.CustomOperator, "the operator onnxproof_tests.doubled has no", "other"),
        (networks.Raising, "ValueError: wanted three channels, found another number", None),
        (networks.SecondInput, "missing 1 required positional argument: 'mask'", None),
        (networks.TwoOutputs, "forward returns a tuple", "one tensor"),
        (networks.NamedOutputs, "forward returns a dict", "one tensor"),
        (networks.NoOutput, "forward returns nothing", "one tensor"),
        (networks.NumberOutput, "forward returns something other than tensors", "one tensor"),
        (networks.ImagesMixed, "forward returns a tensor of 1 dimensions", "one tensor"),
        (networks.RowsByValue, "forward returns a number of rows that the images' values", "one"),
    ],
)
def test_failure_is_told_with_its_reason_and_line_of_the_network(
    capfd: Capture, network: type[nn.Module], reason: str, way_out: str | None
) -> None:
    told = failure(network())
    line, text = marked_line(network)
    assert told.subject == "theirs"
    assert told.problem.startswith("cannot be exported: ")
    assert reason in told.problem
    assert told.problem.endswith(f"unexportable.py:{line} in forward (`{text}`)")
    assert "\n" not in str(told)
    assert (told.hint is None) if way_out is None else (way_out in str(told.hint))
    assert capfd.readouterr() == ("", "")


def test_failure_inside_a_module_of_theirs_is_told_with_the_innermost_line() -> None:
    line, _ = marked_line(networks.Inner)
    assert re.search(
        rf"RuntimeError: .* \[63, 3\] at .*unexportable\.py:{line} in forward",
        str(failure(networks.WrongShape())),
    )


def test_file_below_the_current_directory_is_told_by_its_way_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(networks.__file__).parents[1])
    assert " at export/unexportable.py:" in str(failure(networks.FixedView()))
    monkeypatch.chdir(tmp_path)
    assert " at unexportable.py:" in str(failure(networks.FixedView()))


def test_network_of_a_library_is_told_with_the_line_of_the_library() -> None:
    network = torchvision.models.resnet18(num_classes=3)  # wants three channels, is given one
    assert re.search(
        r" at torchvision/models/resnet\.py:\d+ in _forward_impl \(`x = ", str(failure(network))
    )


def test_network_of_torch_alone_is_told_without_a_line() -> None:
    told = failure(nn.Sequential(nn.Flatten(), nn.Linear(63, 3)))
    assert re.search(r"RuntimeError: .* \[63, 3\]$", told.problem)


def test_probabilities_of_two_outputs_are_told_as_two_outputs() -> None:
    line, _ = marked_line(networks.TwoOutputs)
    with pytest.raises(UnfinishedError, match=rf"unexportable\.py:{line} in forward"):
        trace(networks.TwoOutputs(), probabilities=True)


@pytest.mark.parametrize(
    ("network", "expected"),
    [(networks.Exhausted, MemoryError), (networks.Interrupted, KeyboardInterrupt)],
)
def test_what_is_no_failure_of_the_network_passes_through(
    network: type[nn.Module], expected: type[BaseException]
) -> None:
    with pytest.raises(expected):
        trace(network())


def test_long_reason_is_cut() -> None:
    class Talkative(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("word " * 1000 + "\n\nadvice")

    told = str(failure(Talkative()))
    assert " word ... at " in told
    assert len(told) < 500


def test_nothing_is_written_and_tracing_works_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for network in (networks.NoTranslation, networks.FixedView):
        failure(network())
    assert list(tmp_path.iterdir()) == []
    trace(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))
    trace(Conditional())


class Conditional(networks.Linear):
    """The way out of a branch: torch.cond, whose subgraphs are exported too."""

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = torch.cond(x.sum() > 0, torch.negative, torch.abs, (x,))
        return self.logits(changed)
