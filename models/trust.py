"""Which source files of networks this user has said may be run.

A run names the file that its network is defined in, and to build the network is to run that file.
The run may be a stranger's. So a file is run only where this user has named it as `--model`, or has
said `--trust-code`, on this machine, for this content at this path:

    <user's state directory>/onnxproof/trusted-code/<sha256 of path and content's sha256>

The path is part of it since the file may import its neighbours, of which nothing is remembered: in
another folder, the same file may be beside other ones.
"""

import hashlib
import logging
from pathlib import Path

from errors import ArtifactError

log = logging.getLogger("onnxproof")


def trust(file: Path, file_sha256: str) -> None:
    """Remember that this file may be run as long as it has this content.

    Where that cannot be written, it is said in the log, and commands that run the file will ask.
    """
    note = _note(file, file_sha256)
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{file_sha256}  {file}\n", errors="backslashreplace")
    except OSError as error:
        log.warning("%s: not remembered as trusted: %s", file, error)


def require_trusted(file: Path, file_sha256: str) -> None:
    """Return if this user has said that the file may be run.

    Raises:
        ArtifactError: it is not known.
    """
    if not _note(file, file_sha256).is_file():
        raise ArtifactError(
            str(file),
            "holds code that would be run, and is not known to be yours"
            f" (its sha256 is {file_sha256})",
            hint="read it and what it imports; if it may be run, give --trust-code once",
        )


def _note(file: Path, file_sha256: str) -> Path:
    import platformdirs

    # Only its name counts: there is nothing in a note that could be damaged.
    key = hashlib.sha256(f"{file_sha256}  {file}".encode(errors="backslashreplace")).hexdigest()
    return platformdirs.user_state_path("onnxproof") / "trusted-code" / key
