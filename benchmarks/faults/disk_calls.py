"""Bare calls whose process is killed, or whose disk is full.

What happens to a file is made to happen for certain: a process kills itself in the middle of a
write, and a file that may grow no further (RLIMIT_FSIZE) stands for a full disk, which to mount
takes rights that not every machine gives.
"""

import json
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

CHUNK_BYTES = 1 << 16


def _run(
    program: str, directory: str, *, shell_suffix: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run a program of Python in a directory; what is around it is bash's."""
    command = f'"{sys.executable}" -c "$PROGRAM" {shell_suffix}'
    return subprocess.run(
        ["bash", "-c", command],
        cwd=directory,
        env=os.environ | {"PROGRAM": program},
        capture_output=True,
        text=True,
        check=False,
    )


# Dies at the second write of a file: at a place that the library itself chooses.
_DIES = """
import builtins, io, os, signal
class Dying(io.FileIO):
    writes = 0
    def write(self, content):
        Dying.writes += 1
        if Dying.writes == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().write(content)
"""


def json_killed_in_the_middle(directory: str) -> str:
    """Dump a record over an older one, and be killed."""
    path = Path(directory, "training.json")
    path.write_text(json.dumps({"epochs": list(range(10_000))}))
    _run(
        f"{_DIES}\nimport json\n"
        "with io.TextIOWrapper(Dying('training.json', 'w'), write_through=True) as file:\n"
        "    json.dump({'epochs': list(range(20_000))}, file)",
        directory,
    )
    try:
        json.loads(path.read_bytes())
    except ValueError as error:
        return f"{_size_of(path)}, and the old one is lost: {error}"
    return "the file can be read"


def npz_killed_in_the_middle(directory: str) -> str:
    """Save logits over older ones, and be killed."""
    path = Path(directory, "reference.npz")
    np.savez(path, logits=np.zeros(1000))
    _run(
        f"{_DIES}\nimport numpy as np\n"
        "Dying.writes = -3\n"
        "with Dying('reference.npz', 'w+') as file:\n"
        "    np.savez(file, logits=np.ones(100_000), labels=np.ones(100_000))",
        directory,
    )
    try:
        np.load(path)
    except Exception as error:
        return f"{_size_of(path)}, and the old one is lost; {type(error).__name__}"
    return "the file can be read"


def torch_save_killed_in_the_middle(directory: str) -> str:
    """Save a checkpoint over an older one, and be killed."""
    import torch

    path = Path(directory, "resume.pt")
    torch.save({"epoch": 1, "weight": torch.zeros(100_000)}, path)
    _run(
        f"{_DIES}\nimport torch\n"
        "with Dying('resume.pt', 'w') as file:\n"
        "    torch.save({'epoch': 2, 'weight': torch.ones(100_000)}, file)",
        directory,
    )
    try:
        torch.load(path, weights_only=True)
    except Exception as error:
        return f"{_size_of(path)}, and the old one is lost: {str(error).splitlines()[0]}"
    return "the file can be read"


def _size_of(path: Path) -> str:
    return f"{path.stat().st_size:,} bytes are there"


def _let_files_grow_no_further_than(size_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))


def torch_save_on_a_full_disk(directory: str) -> str:
    """Save a checkpoint over an older one where there is no room."""
    import torch

    path = Path(directory, "resume.pt")
    torch.save({"weight": torch.zeros(1000)}, path)
    before = path.read_bytes()
    _let_files_grow_no_further_than(CHUNK_BYTES)
    try:
        torch.save({"weight": torch.zeros(100_000)}, path)
    except Exception as error:
        told = str(error).splitlines()[0]
        lost = "" if path.read_bytes() == before else "; the old one is lost"
        return f"{type(error).__name__}: {told}{lost}"
    return "writes it"


def safetensors_on_a_full_disk(directory: str) -> str:
    """Save weights over older ones where there is no room."""
    import torch
    from safetensors.torch import load_file, save_file

    path = Path(directory, "weights.safetensors")
    save_file({"weight": torch.zeros(1000)}, path)
    _let_files_grow_no_further_than(CHUNK_BYTES)
    try:
        save_file({"weight": torch.zeros(100_000)}, path)
    except Exception as error:
        told = str(error).splitlines()[0]
    try:
        load_file(path)
    except Exception as error:
        return f"{told}; the old one is lost: {error}"
    return f"{told}; the old one can be read"


def onnx_on_a_full_disk(directory: str) -> str:
    """Save a graph over an older one where there is no room."""
    import onnx
    from onnx import helper, numpy_helper

    def graph(count: int) -> onnx.ModelProto:
        weight = numpy_helper.from_array(np.zeros(count), "weight")
        return helper.make_model(helper.make_graph([], "g", [], [], [weight]))

    path = Path(directory, "model.onnx")
    onnx.save_model(graph(10), path)
    _let_files_grow_no_further_than(CHUNK_BYTES)
    try:
        onnx.save_model(graph(100_000), path)
    except OSError as error:
        told = error.strerror
    try:
        onnx.load(path)
    except Exception as error:
        return f"{told}; the old one is lost: {type(error).__name__}"
    return f"{told}; the old one can be read"


def room_that_is_missing(directory: str) -> str:
    """Train, and find out at the end of it that the result has no place."""
    import torch

    _let_files_grow_no_further_than(CHUNK_BYTES)
    torch.set_num_threads(1)
    network = torch.nn.Linear(1000, 100)
    optimizer = torch.optim.Adam(network.parameters())
    for _ in range(100):
        network(torch.ones(8, 1000)).sum().backward()
        optimizer.step()
    try:
        torch.save(network.state_dict(), Path(directory, "weights.pt"))
    except RuntimeError:
        return "is told after all 100 steps; the training is lost"
    return "writes it"


def two_writers(directory: str) -> str:
    """Let two processes save their own checkpoint under one name, again and again."""
    program = (
        "import sys, numpy as np\n"
        "for _ in range(300):\n"
        "    np.savez('weights.npz', a=np.full(20_000, NUMBER), b=np.full(20_000, NUMBER))"
    )
    writers = [
        threading.Thread(target=_run, args=(program.replace("NUMBER", number), directory))
        for number in ("1", "2")
    ]
    for writer in writers:
        writer.start()
    unreadable = reads = 0
    while any(writer.is_alive() for writer in writers):
        try:
            with np.load(Path(directory, "weights.npz")) as arrays:
                reads += 1
                assert len({int(arrays[name][0]) for name in arrays}) == 1
        except FileNotFoundError:
            continue
        except Exception:
            unreadable += 1
    return f"both go on; of {reads + unreadable:,} looks at the file {unreadable:,} find none whole"


def reader_that_has_gone(directory: str) -> str:
    """Print a verdict into a pipe that is read no further."""
    ended = _run(
        "import sys, time\nfor n in range(20_000): print('epoch', n)\nsys.exit(0)",
        directory,
        shell_suffix="| head -1; echo ${PIPESTATUS[0]} >&2",
    )
    lines = ended.stderr.strip().splitlines()
    return f"{lines[-2]}; exit code {lines[-1]}, where it is 0 else"


def output_without_a_place(directory: str) -> str:
    """Write results to a standard output that is full."""
    ended = _run("print('verdict: fail')", directory, shell_suffix="> /dev/full; echo $? >&2")
    lines = ended.stderr.strip().splitlines()
    return f"{len(lines) - 1} lines, the last {lines[-2]}; exit code {lines[-1]}"


def output_that_is_closed(directory: str) -> str:
    """Start with standard output closed, and open a file."""
    ended = _run(
        "import ctypes\n"
        "weights = open('weights.bin', 'wb', buffering=0)\n"
        "library = ctypes.CDLL(None)\n"
        "library.puts(b'a line of a library')\n"
        "library.fflush(None)\n",
        directory,
        shell_suffix=">&-",
    )
    content = Path(directory, "weights.bin").read_bytes()
    return f"the weights' file holds {content!r}" if content else f"writes nothing {ended.stderr}"


def interrupt_while_saving(directory: str) -> str:
    """Press Ctrl-C while a checkpoint is written."""
    path = Path(directory, "resume.npz")
    np.savez(path, weight=np.zeros(10))
    program = (
        f"{_DIES.replace('SIGKILL', 'SIGINT')}\nimport numpy as np\n"
        "Dying.writes = -3\n"
        "with Dying('resume.npz', 'w+') as file:\n"
        "    np.savez(file, a=np.ones(100_000), b=np.ones(100_000))"
    )
    ended = _run(program, directory)
    try:
        with np.load(path) as arrays:
            names = ", ".join(arrays)
            found = f"of a and b the file holds {names}, and is read without complaint"
    except Exception as error:
        found = f"the old one is lost: {type(error).__name__}"
    return f"a traceback of {len(ended.stderr.splitlines())} lines; {found}"


def device_as_output(directory: str) -> str:
    """Replace a file as careful programs do, where its name is a pipe's."""
    path = Path(directory, "report.html")
    os.mkfifo(path)
    temporary = Path(directory, "temporary")
    temporary.write_text("page")
    temporary.replace(path)
    return "is replaced" if not path.is_fifo() else "stays"
