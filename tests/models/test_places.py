import json
from pathlib import Path

import pytest
import torch
import torchvision.models

from models.places import owner_of


@pytest.mark.parametrize(
    ("file", "owner"),
    [
        ("/somewhere/net.py", "author"),
        (torchvision.models.alexnet.__code__.co_filename, "library"),
        (torch.nn.functional.__file__, None),
        (json.__file__, None),
        (str(Path(__file__).parents[2] / "trainers" / "loop.py"), None),
        (str(Path(__file__).parents[2] / "net.py"), "author"),
        ("<string>", None),
    ],
)
def test_line_is_the_author_s_the_library_s_or_nobody_s(file: str, owner: str | None) -> None:
    assert owner_of(file) == owner
