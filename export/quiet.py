"""Libraries' own talk, which is addressed to their developers, kept off both streams."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Run the block without log lines, warnings, and what Python code prints."""
    earlier = logging.root.manager.disable
    nowhere = io.StringIO()
    try:
        logging.disable(logging.CRITICAL)
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),  # whole graphs, where tracing fails
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(earlier)
