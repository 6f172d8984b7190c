"""Memory that is free, asked before it is taken.

The system hands out more than it has and ends processes when that shows; so a file that honestly
holds too much would be the end of this one, without a word.
"""

from pathlib import Path

from errors import UnfinishedError

CGROUP = Path("/sys/fs/cgroup")


def require_memory(subject: str, wanted_bytes: int, what: str = "what it holds") -> None:
    """Return if that much memory is free.

    Args:
        subject: what the error is about: the file, mostly.
        wanted_bytes: that are about to be taken.
        what: takes them.

    Raises:
        UnfinishedError: there is less; it names both.
    """
    free_bytes = available_memory_bytes()
    if wanted_bytes > free_bytes:
        raise UnfinishedError(
            subject,
            f"{what} takes {wanted_bytes:,} bytes of memory, {free_bytes:,} are free",
        )


def available_memory_bytes() -> int:
    """Return the memory that this process may still take without swapping.

    That is what the system calls available, and no more than the control group (cgroup v2) leaves.
    """
    import psutil

    available = int(psutil.virtual_memory().available)
    left = memory_left(CGROUP)
    return available if left is None else min(available, left)


def memory_left(cgroup: Path) -> int | None:
    """Return the bytes between a control group's use and its limit, or None without a limit.

    Cached files count as free: the kernel drops them before it refuses anything.
    """
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
        statistics = dict(
            line.split() for line in (cgroup / "memory.stat").read_text().splitlines()
        )
    except (OSError, ValueError):  # no such files; or the limit is "max"
        return None
    return max(0, limit - used + int(statistics.get("inactive_file", 0)))
