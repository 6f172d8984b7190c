"""How much of the machine's CPUs this process may use by its control groups, version 1 or 2.

A container is told in this way that it has two CPUs of sixty-four; it still sees all of them.
Files as told in the Linux kernel's documentation, admin-guide/cgroup-v2 and scheduler/sched-bwc.
"""

from collections.abc import Iterator
from pathlib import Path

from untrusted.memory import CGROUP

MEMBERSHIPS = Path("/proc/self/cgroup")


def cpu_quota() -> int | None:
    """Return the CPUs that the tightest of its groups allows, at least 1; None without a limit."""
    quotas = [quota for folder in _groups("cpu") if (quota := quota_of(folder)) is not None]
    return min(quotas, default=None)


def quota_of(group: Path) -> int | None:
    """Return the CPUs that a group's folder allows, at least 1, or None where it sets no limit."""
    try:
        if (group / "cpu.max").is_file():
            quota, period = (int(word) for word in (group / "cpu.max").read_text().split())
        else:
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = (int((group / name).read_text()) for name in names)
    except (OSError, ValueError):  # no such files; or the quota of version 2 is "max"
        return None
    if quota <= 0 or period <= 0:  # -1 is version 1's "max"
        return None
    return max(1, -(-quota // period))  # part of a CPU still needs a thread


def _groups(controller: str) -> Iterator[Path]:
    """Yield the folders of the groups that this process is in, those that they lie in included.

    Within a container the root may be its own group, whatever the path says: so it counts too.
    """
    yield CGROUP
    try:
        lines = MEMBERSHIPS.read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        # Version 2 names no controller and lies at the root; version 1 has a tree for each.
        tree = CGROUP / names if names else CGROUP
        if names and not tree.is_dir():
            tree = CGROUP / controller
        folder = tree
        yield folder
        for part in Path(path).parts[1:]:
            if part == "..":  # of a group outside of what is seen here
                break
            folder /= part
            yield folder
