import json
from pathlib import Path

import pytest
import torch
import torchvision
import torchvision.models

from models.places import Place, owner_of


@pytest.mark.parametrize(
    ("file", "owner"),
    [
        ("/somewhere/net.py", "author"),
        (torchvision.models.AlexNet.forward.__code__.co_filename, "library"),
        (torch.nn.functional.__file__, None),
        (json.__file__, None),
        (str(Path(__file__).parents[2] / "trainers" / "loop.py"), None),
        (str(Path(__file__).parents[2] / "net.py"), "author"),
        ("<string>", None),
    ],
)
def test_line_is_the_author_s_the_library_s_or_nobody_s(file: str, owner: str | None) -> None:
    assert owner_of(file) == owner


def test_library_s_file_is_shown_from_the_library_on_wherever_it_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = torchvision.models.AlexNet.forward.__code__.co_filename
    installed = Path(torchvision.__file__).parents[1]
    for here in (Path("/"), installed.parent):  # an environment below the current directory too
        monkeypatch.chdir(here)
        shown = str(Place(file=file, line=1, function="forward"))
        assert shown.startswith("at torchvision/models/alexnet.py:1 in forward")
