import json
from pathlib import Path

import pytest
import torch
import torchvision.models

from errors import ArtifactError, UsageError
from models.user_code import described, is_network_code, told_as


def test_line_of_the_network_is_told_not_torch_s() -> None:
    network = torchvision.models.alexnet(num_classes=3)
    wanted = r"RuntimeError: .* at alexnet\.py:\d+ in forward"
    with pytest.raises(UsageError, match=wanted) as told, told_as("--model"):
        network(torch.zeros(1, 3, 8, 8))
    assert str(told.value).startswith("--model: ")


def test_what_is_told_already_and_exhausted_memory_pass_through() -> None:
    for error in (ArtifactError("net.py", "is missing"), MemoryError()):
        with pytest.raises(type(error)) as caught, told_as("--model"):
            raise error
        assert caught.value is error


def test_error_without_a_line_of_the_network_s_is_told_without_one() -> None:
    assert described(ValueError("a\n  b")) == "ValueError: a b"
    assert described(ValueError()) == "ValueError: no message"


@pytest.mark.parametrize(
    ("file", "is_network"),
    [
        (torchvision.models.alexnet.__code__.co_filename, True),
        (torch.nn.functional.__file__, False),
        (json.__file__, False),
        (str(Path(__file__).parents[2] / "trainers" / "loop.py"), False),
        ("/somewhere/net.py", True),
        ("<string>", False),
    ],
)
def test_code_is_a_network_s_where_it_is_a_library_s_or_the_user_s(
    file: str, is_network: bool
) -> None:
    assert is_network_code(file) is is_network
