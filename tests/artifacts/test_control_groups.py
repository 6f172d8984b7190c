"""CPUs by control groups: the tightest of all that the process is in, in both versions."""

from pathlib import Path

import pytest

from artifacts import control_groups
from artifacts.control_groups import cpu_quota, quota_of


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "cgroup"
    root.mkdir()
    monkeypatch.setattr(control_groups, "CGROUP", root)
    monkeypatch.setattr(control_groups, "MEMBERSHIPS", tmp_path / "memberships")
    return root


def limit(group: Path, quota: int) -> None:
    """Version 1."""
    group.mkdir(parents=True, exist_ok=True)
    (group / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (group / "cpu.cfs_period_us").write_text("100000\n")


@pytest.mark.parametrize(
    ("content", "cpus"),
    [
        ("max 100000\n", None),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("1000 100000\n", 1),
        ("100000 0\n", None),
        ("", None),
        ("x y\n", None),
    ],
)
def test_quota_of_version_2(content: str, cpus: int | None, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(content)
    assert quota_of(tmp_path) == cpus
    assert quota_of(tmp_path / "none") is None


@pytest.mark.parametrize(("quota", "cpus"), [(-1, None), (250_000, 3), (1_000, 1)])
def test_quota_of_version_1(quota: int, cpus: int | None, tmp_path: Path) -> None:
    limit(tmp_path, quota)
    assert quota_of(tmp_path) == cpus


def test_groups_that_a_group_lies_in_count(cgroup: Path) -> None:
    (cgroup.parent / "memberships").write_text("0::/system.slice/model.service\n")
    assert cpu_quota() is None
    service = cgroup / "system.slice" / "model.service"
    service.mkdir(parents=True)
    (service / "cpu.max").write_text("400000 100000")
    assert cpu_quota() == 4
    (service.parent / "cpu.max").write_text("300000 100000")
    assert cpu_quota() == 3


@pytest.mark.parametrize("tree", ["cpu", "cpu,cpuacct"])
def test_version_1_has_a_tree_for_each_controller(cgroup: Path, tree: str) -> None:
    (cgroup.parent / "memberships").write_text("4:memory:/other\n3:cpu,cpuacct:/jobs/7\n0::/\n")
    limit(cgroup / tree / "jobs" / "7", 200_000)
    limit(cgroup / "memory" / "other", 100_000)  # no tree of CPUs
    assert cpu_quota() == 2


def test_group_outside_of_the_container_is_not_looked_for(cgroup: Path) -> None:
    (cgroup.parent / "memberships").write_text("0::/../../host\n")
    (cgroup / "cpu.max").write_text("500000 100000")
    assert cpu_quota() == 5
