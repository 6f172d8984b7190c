"""Holds the import table of ARCHITECTURE.md against the code."""

import ast
import sys
from pathlib import Path

import pytest

from commands.main import COMMANDS
from commands.study import command as study

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "storage": set[str](),
    "untrusted": {"storage"},
    "models": {"storage", "untrusted"},
    "data": {"storage", "untrusted"},
    "artifacts": {"storage", "untrusted"},
    "trainers": {"storage", "untrusted", "models", "data", "artifacts"},
    "export": {"storage", "untrusted", "models", "data", "artifacts"},
    "evaluate": {"storage", "untrusted", "models", "data", "artifacts"},
    "report": {"storage", "untrusted", "artifacts"},
    "serve": {"storage", "untrusted", "data", "artifacts"},
    "studies": {"storage", "untrusted", "models", "data", "artifacts"},
    "commands": {
        "storage",
        "untrusted",
        "models",
        "data",
        "artifacts",
        "trainers",
        "export",
        "evaluate",
        "report",
        "serve",
        "studies",
    },
}
ROOMS = set(MAY_IMPORT) | {"benchmarks", "tests", "cli"}


def imports_of(source: str, *, only_when_loaded: bool = False) -> set[str]:
    """The top-level packages that a module imports, those inside functions too unless told not."""
    tree = ast.parse(source)
    nodes = tree.body if only_when_loaded else list(ast.walk(tree))
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide which room is meant"
            names.add((node.module or "").split(".")[0])
    return names


def broken_rules(room: str, source: str) -> set[str]:
    return imports_of(source) & ROOMS - MAY_IMPORT[room] - {room}


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_room_imports_only_the_rooms_that_it_may(room: str) -> None:
    assert modules(room)
    found = {str(path): broken_rules(room, path.read_text()) for path in modules(room)}
    assert {path: rooms for path, rooms in found.items() if rooms} == {}


@pytest.mark.parametrize(
    ("room", "source", "found"),
    [
        ("trainers", "from evaluate.parity import parity_of", {"evaluate"}),
        ("export", "def f():\n    import trainers.loop", {"trainers"}),
        ("artifacts", "import data", {"data"}),
        ("serve", "from evaluate.classifier import Classifier", {"evaluate"}),
        ("evaluate", "import models, numpy, errors", set()),
    ],
)
def test_rule_is_seen_to_be_broken(room: str, source: str, found: set[str]) -> None:
    assert broken_rules(room, source) == found


def test_every_room_has_a_rule() -> None:
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert rooms == set(MAY_IMPORT)


def onnxruntime_modules(source: str) -> set[str]:
    """The modules of ONNX Runtime that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name for name in names if name.split(".")[0] == "onnxruntime"}


def test_onnxruntime_runs_graphs_in_one_file_others_quantize_or_name_its_providers() -> None:
    files = [path for room in MAY_IMPORT for path in modules(room)]
    importing = {path: onnxruntime_modules(path.read_text()) for path in files}
    assert {path: found for path, found in importing.items() if found} == {
        ROOT / "evaluate" / "onnx_runtime.py": {"onnxruntime"},
        ROOT / "evaluate" / "providers.py": {"onnxruntime"},  # and runs nothing: next test
        ROOT / "export" / "integer_graph.py": {"onnxruntime.quantization"},
    }


def test_file_that_names_providers_opens_no_session() -> None:
    assert "InferenceSession" not in (ROOT / "evaluate" / "providers.py").read_text()
    assert "InferenceSession" in (ROOT / "evaluate" / "onnx_runtime.py").read_text()


def test_file_that_runs_graphs_imports_no_torch() -> None:
    assert "torch" not in imports_of((ROOT / "evaluate" / "onnx_runtime.py").read_text())


def test_commands_load_only_click_and_light_modules() -> None:
    light = {"click", "errors", "commands", "models", "artifacts"} | sys.stdlib_module_names
    names = [*COMMANDS, *(f"study_{name}" for name in study.names)]
    for path in (ROOT / "commands" / f"{name}.py" for name in names):
        assert imports_of(path.read_text(), only_when_loaded=True) <= light, path
