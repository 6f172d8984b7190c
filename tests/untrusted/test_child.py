import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from errors import ArtifactError
from untrusted.child import ChildError, ChildLimitError, Limits, result_in_child

PATIENT = Limits(seconds=60, memory_bytes=256 << 20)
WORK = "tests.untrusted.work"


def test_child_returns_what_the_function_returns() -> None:
    assert result_in_child(f"{WORK}:add", {"a": 2, "b": 3}, PATIENT) == 5


def test_child_passes_our_own_errors_on() -> None:
    with pytest.raises(ArtifactError, match=r"^x.onnx: is damaged$") as caught:
        result_in_child(f"{WORK}:raise_ours", {}, PATIENT)
    assert caught.value.hint == "mend it"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("raise_other", {}, r"^'two\\nlines'$"),
        ("crash", {}, r"^crashed \(SIGSEGV\)$"),
        ("leave", {}, "^ended with status 7: nothing was printed$"),
        ("no_such_function", {}, "^ended with status 1: AttributeError: .*no_such_function"),
    ],
)
def test_child_that_fails_is_told_in_a_line(
    name: str, arguments: dict[str, object], said: str
) -> None:
    with pytest.raises(ChildError, match=said):
        result_in_child(f"{WORK}:{name}", arguments, PATIENT)


@pytest.mark.parametrize("mebibytes", [300, 1 << 24])
def test_child_that_wants_too_much_memory_is_refused_it(mebibytes: int) -> None:
    with pytest.raises(ChildLimitError, match=r"^wanted more memory than the 268,435,456 bytes"):
        result_in_child(f"{WORK}:take", {"mebibytes": mebibytes}, PATIENT)


def test_child_may_take_what_it_is_allowed() -> None:
    assert result_in_child(f"{WORK}:take", {"mebibytes": 100}, PATIENT) == 100 << 20


@pytest.mark.parametrize("name", ["hang", "burn"])
def test_child_that_does_not_end_is_ended(name: str) -> None:
    start = time.monotonic()
    with pytest.raises(ChildLimitError, match=r"^was not done after 1.5 seconds$"):
        result_in_child(f"{WORK}:{name}", {}, Limits(seconds=1.5, memory_bytes=None))
    assert time.monotonic() - start < 30


def _parent(path: str) -> None:
    result_in_child(
        f"{WORK}:tell_then_hang", {"path": path}, Limits(seconds=300, memory_bytes=None)
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of the killed")
def test_child_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    parent = multiprocessing.get_context("spawn").Process(target=_parent, args=[str(told)])
    parent.start()
    while not (told.exists() and told.read_text()):
        assert parent.is_alive()
        time.sleep(0.01)
    assert parent.pid is not None
    os.kill(parent.pid, signal.SIGKILL)
    parent.join()
    child = Path("/proc", told.read_text())
    for _ in range(1000):
        if not child.exists() or "\nState:\tZ" in (child / "status").read_text():
            return
        time.sleep(0.01)
    raise AssertionError("the child still runs")
