"""Room on the disk, asked for before the work whose result needs it.

What is free may be taken by others meanwhile, and a quota is not seen: whoever writes still tells a
full disk. But hours of training are not begun for a result that has no place.
"""

import shutil
from pathlib import Path

from errors import UnfinishedError


def require_space(place: Path, wanted_bytes: int, what: str, *, hint: str | None = None) -> None:
    """Return if that many bytes are free where something is to be written.

    Args:
        place: the file or directory that takes them; it need not exist. The error is about it.
        wanted_bytes: about so many.
        what: takes them.
        hint: the way out.

    Raises:
        UnfinishedError: fewer are free; it names both.
    """
    free_bytes = free_space_bytes(place)
    if free_bytes is not None and wanted_bytes > free_bytes:
        raise UnfinishedError(
            str(place),
            f"{what} takes about {wanted_bytes:,} bytes there, {free_bytes:,} are free",
            hint=hint,
        )


def free_space_bytes(place: Path) -> int | None:
    """Return what this user may still write there; None where the file system does not say."""
    there = next((path for path in (place, *place.absolute().parents) if path.exists()), None)
    if there is None:
        return None
    try:
        usage = shutil.disk_usage(there)
    except OSError:
        return None
    return usage.free if usage.total else None  # some have no size at all
