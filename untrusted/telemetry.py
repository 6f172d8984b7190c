"""Nothing is told to the makers of libraries: what reports by itself is switched off.

ONNX Runtime's wheels of 2026 keep an identifier of the machine and a database of events in the
user's cache directory, and send them to Microsoft over HTTPS (its Privacy.md). Their own call,
`disable_telemetry_events`, comes too late for the first event; the variable, set before the library
is loaded, does not.
"""

import os

_VARIABLE = "ORT_DISABLE_TELEMETRY"


def switch_off_telemetry() -> None:
    """Keep ONNX Runtime, loaded later here or in a child process, from reporting anything.

    A user who has set the variable to something else is obeyed.
    """
    os.environ.setdefault(_VARIABLE, "1")
