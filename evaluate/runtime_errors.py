"""What ONNX Runtime raises and prints, as our own errors in one line."""

import re

from errors import UnfinishedError, UnusableError, UsageError
from evaluate.provider_errors import cause_and_remedy
from evaluate.watchdog import Watch

_SOURCES = re.compile(
    r"^\[ONNXRuntimeError\] : \d+ : \w+ : |/onnxruntime_src/\S+:\d+ .*?\) (?=[A-Z])"
)


def unusable(provider: str, failure: str, printed: str) -> UnusableError:
    """Return that a provider does not work here, why, and what to do about it.

    Args:
        provider: that was asked for.
        failure: the exception's text.
        printed: what ONNX Runtime wrote while it tried.
    """
    cause, remedy = cause_and_remedy(failure, printed)
    return UnusableError(f"--provider {provider}", f"not usable here: {cause}", hint=remedy)


def unknown_option(provider: str, name: str, known: str) -> UsageError:
    """Return that a provider has no option of that name; `known` says which it has."""
    return UsageError(
        f"--provider-option {name}", f"the {provider} provider has no such option: {known}"
    )


def run_error(watch: Watch, error: Exception, *, is_ended: bool) -> UnfinishedError:
    """Return why a run came to nothing.

    Args:
        watch: of its session.
        error: that ONNX Runtime raised.
        is_ended: the watchdog had told the run to end.
    """
    if is_ended:
        return UnfinishedError(
            watch.name,
            f"the graph was ended: a run lasted longer than {watch.seconds:g} seconds",
            hint="evaluate, predict and serve allow it more with --model-timeout",
        )
    return UnfinishedError(watch.name, f"the graph failed: {reason(error)}")


def reason(error: Exception) -> str:
    """Return what ONNX Runtime says, in one line, without its source's files and functions."""
    return _SOURCES.sub("", " ".join(str(error).split()))
