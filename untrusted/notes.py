"""What this user has said or found out about files, noted on this machine.

Whoever makes a file can make a record that vouches for it, so nothing that comes with a file says
that it may be trusted. What does is a note out of a stranger's reach:

    <user's state directory>/onnxproof/<kind>/<sha256 of what is noted>
"""

import hashlib
from pathlib import Path


def write_note(kind: str, line: str) -> None:
    """Note one line.

    Raises:
        OSError: the user's state directory cannot be written.
    """
    note = _note(kind, line)
    note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    note.write_text(f"{line}\n", errors="backslashreplace")


def is_noted(kind: str, line: str) -> bool:
    """Return whether exactly that line was noted; not, where the directory cannot be read."""
    try:
        return _note(kind, line).is_file()
    except OSError:
        return False


def _note(kind: str, line: str) -> Path:
    import platformdirs

    # Only its name counts: there is nothing in a note that could be damaged.
    key = hashlib.sha256(line.encode(errors="backslashreplace")).hexdigest()
    return platformdirs.user_state_path("onnxproof") / kind / key
