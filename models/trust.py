"""Which source files of networks this user has said may be run.

A run names the file that its network is defined in, and to build the network is to run that file.
The run may be a stranger's. So a file is run only where this user has named it as `--model`, or has
said `--trust-code`, on this machine, for this content at this path (untrusted.notes).

The path is part of it since the file may import its neighbours, of which nothing is remembered: in
another folder, the same file may be beside other ones.
"""

import logging
from pathlib import Path

from errors import ArtifactError
from untrusted.notes import is_noted, write_note

_KIND = "trusted-code"
log = logging.getLogger("onnxproof")


def trust(file: Path, file_sha256: str) -> None:
    """Remember that this file may be run as long as it has this content.

    Where that cannot be written, it is said in the log, and commands that run the file will ask.
    """
    try:
        write_note(_KIND, f"{file_sha256}  {file}")
    except OSError as error:
        log.warning("%s: not remembered as trusted: %s", file, error)


def require_trusted(file: Path, file_sha256: str) -> None:
    """Return if this user has said that the file may be run.

    Raises:
        ArtifactError: it is not known.
    """
    if not is_noted(_KIND, f"{file_sha256}  {file}"):
        raise ArtifactError(
            str(file),
            "holds code that would be run, and is not known to be yours"
            f" (its sha256 is {file_sha256})",
            hint="read it and what it imports; if it may be run, give --trust-code once",
        )
