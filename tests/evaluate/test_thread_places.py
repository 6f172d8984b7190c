"""Each further thread stays on a CPU of its own, where there is one for each."""

import os

import pytest

from evaluate import thread_places
from evaluate.thread_places import affinities_of_workers


@pytest.fixture
def four_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {3, 0, 5, 9}, raising=False)
    monkeypatch.setattr(thread_places, "usable_cpus", lambda: 4)


@pytest.mark.usefixtures("four_cpus")
@pytest.mark.parametrize(("threads", "expected"), [(4, "4;6;10"), (3, None), (1, None), (5, None)])
def test_workers_stay_where_there_is_a_cpu_for_each(threads: int, expected: str | None) -> None:
    assert affinities_of_workers(threads) == expected


@pytest.mark.usefixtures("four_cpus")
def test_system_places_threads_under_a_quota_or_without_affinities(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(thread_places, "usable_cpus", lambda: 2)
    assert affinities_of_workers(4) is None
    monkeypatch.delattr(os, "sched_getaffinity")
    assert affinities_of_workers(4) is None
