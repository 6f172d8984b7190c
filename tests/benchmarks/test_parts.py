"""`make bench` can start each of its parts, and its page is made of what they wrote."""

import importlib.util
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import benchmarks.__main__ as bench
from benchmarks.tables import page
from benchmarks.targets import target_table


@pytest.mark.parametrize("part", bench.PARTS, ids=[part.name for part in bench.PARTS])
def test_part_takes_what_it_is_given(part: bench.Part) -> None:
    spec = importlib.util.find_spec(part.module)
    assert spec is not None
    is_package = spec.submodule_search_locations is not None
    module = importlib.import_module(f"{part.module}.__main__" if is_package else part.module)
    names = {option for parameter in module.command.params for option in parameter.opts}
    assert isinstance(module.command, click.Command)
    assert {"--data-dir", "--quick", "--out"} <= names


def test_part_that_fails_is_told_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = bench.Part(name="broken", module="benchmarks.no_such_module", result="broken.json")
    monkeypatch.setattr(bench, "PARTS", (broken,))
    monkeypatch.setattr(bench, "QUICK", tmp_path)
    done = CliRunner().invoke(bench.command, ["--quick"])
    assert done.exit_code == 1
    assert "FAILED" in done.stdout
    assert (tmp_path / "RESULTS.md").is_file()


def test_page_of_few_files_has_only_their_sections(tmp_path: Path) -> None:
    assert "## What was to be reached" not in page(tmp_path)
    target = {"name": "quick", "wanted": 1, "measured": 2, "met": False}
    (tmp_path / "other.json").write_text(json.dumps({"targets": [target]}))
    text = page(tmp_path)
    assert "| `other` | quick | 2 | **not reached** |" in text
    assert "## Zoo" not in text
    assert "| quick | 2 | **not reached** |" in target_table([target])
