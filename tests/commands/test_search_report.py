"""A search that really happened, on its page."""

import html
from pathlib import Path

import pytest

from commands.main import main
from report.numbers import percent
from tests.trainers.tuning.searches import record_of, search


def test_page_of_a_search_tells_what_its_record_holds(
    tiny_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    directory = Path("runs/search")
    assert search(tiny_npz, directory, trials=6) == 0
    assert main(["report", str(directory), "--plots", "plots"]) == 0
    study = record_of(directory)
    best = study.trial(study.best)
    assert best is not None
    text = html.unescape((directory / "report.html").read_text())
    assert f"The best trial names {percent(best.value or 0)}" in text
    assert "train --from-study=search" in text
    assert study.command in text
    drawn = {path.stem for path in Path("plots").glob("*.svg")}
    assert {"history", *(f"slice-{number}" for number in range(1, len(study.space) + 1))} <= drawn
    assert ("importances" in drawn) is bool(study.importances)
