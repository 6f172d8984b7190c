"""What the children of test_child.py do."""

import ctypes
import os
import time

from errors import ArtifactError


def add(a: int, b: int) -> int:
    return a + b


def raise_ours() -> None:
    raise ArtifactError("x.onnx", "is damaged", hint="mend it")


def raise_other() -> None:
    raise KeyError("two\nlines")


def crash() -> None:
    ctypes.string_at(0)


def hang() -> None:
    time.sleep(600)


def burn() -> None:
    while True:
        pass


def take(mebibytes: int) -> int:
    return len(bytearray(mebibytes << 20))


def leave() -> None:
    os._exit(7)


def tell_then_hang(path: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123
        file.write(str(os.getpid()))
    burn()
