"""What native libraries print, kept from the user's streams and given to who wants to read it."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


class NativeOutput:
    """The text that was printed; empty until the block has ended."""

    text: str = ""


@contextlib.contextmanager
def captured_native_output() -> Iterator[NativeOutput]:
    """Send file descriptors 1 and 2 to a temporary file while the block runs.

    ONNX Runtime prints why a provider could not be loaded, on both streams and from C++, where
    replacing sys.stdout does not reach; standard output is ours, and may be one JSON document.
    """
    captured = NativeOutput()
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(descriptor) for descriptor in (1, 2)]
    with tempfile.TemporaryFile() as file:
        try:
            for descriptor in (1, 2):
                os.dup2(file.fileno(), descriptor)
            yield captured
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in zip((1, 2), saved, strict=True):
                os.dup2(original, descriptor)
                os.close(original)
            file.seek(0)
            captured.text = file.read().decode(errors="replace")
