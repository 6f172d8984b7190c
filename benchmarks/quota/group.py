"""A control group with a quota, made for a measurement and removed after it."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from untrusted.memory import CGROUP

PERIOD_US = 100_000  # what Docker and Kubernetes take


@contextlib.contextmanager
def group_with_quota(cpus: int) -> Iterator[Path]:
    """Yield the folder of a new group; a process joins it by writing its number to cgroup.procs.

    Raises:
        OSError: this process may not make one here.
    """
    version_1 = CGROUP / "cpu" / "cpu.cfs_quota_us"
    tree = version_1.parent if version_1.is_file() else CGROUP
    group = tree / f"onnxproof-{os.getpid()}"
    group.mkdir()
    try:
        if version_1.is_file():
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(cpus * PERIOD_US))
        else:
            (group / "cpu.max").write_text(f"{cpus * PERIOD_US} {PERIOD_US}")
        yield group
    finally:
        _remove(group)


def _remove(group: Path) -> None:
    """Remove it once the kernel has let go of the processes that ended in it."""
    for _ in range(20):
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.1)
