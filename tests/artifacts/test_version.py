import tomllib
from pathlib import Path

import pytest

from artifacts.environment import installed_versions
from artifacts.version import ONNXPROOF_VERSION
from commands.main import main

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_version_is_the_one_of_pyproject() -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    assert project["version"] == ONNXPROOF_VERSION
    assert installed_versions(())[project["name"]] == ONNXPROOF_VERSION


def test_command_line_tells_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.split()[-1] == ONNXPROOF_VERSION
