"""Files of weights and records, given to the libraries that usually open them."""

import json
import os
import py_compile
import runpy
import struct
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.faults.fault import Fault


class _Evil:
    """Runs what it likes when it is unpickled."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch '{self.mark}'",)


def _evil_file(directory: str) -> Path:
    import torch

    path = Path(directory, "net.pt")
    torch.save({"weight": _Evil(f"{directory}/ran")}, path)
    return path


def _what_ran(directory: str) -> str:
    return "ran the code in it" if Path(directory, "ran").exists() else "ran nothing"


def pickle_with_code(directory: str) -> str:
    """Load a file that holds a command, as most scripts do."""
    import torch

    torch.load(_evil_file(directory), weights_only=False)
    return _what_ran(directory)


def pickle_with_code_read_safely(directory: str) -> str:
    """Load the same with the default, and read the advice."""
    import torch

    try:
        torch.load(_evil_file(directory))
    except Exception as error:
        advises = "weights_only=False" in str(error) or "`weights_only`" in str(error)
        return f"{_what_ran(directory)}; its message tells how to run it: {advises}"
    return _what_ran(directory)


def expanded_tensor(directory: str) -> str:
    """Load 4 bytes that are said to be 10^12 numbers."""
    import torch

    path = Path(directory, "net.pt")
    torch.save({"weight": torch.zeros(1).expand(10**12)}, path)
    tensor = torch.load(path)["weight"]
    return f"a tensor of {tensor.nbytes:,} bytes from a file of {path.stat().st_size:,}"


def compressed_archive(directory: str) -> str:
    """Load an archive whose storage unpacks to 256 MiB."""
    import zipfile

    import torch

    path = Path(directory, "net.pt")
    torch.save({"weight": torch.zeros(1 << 26)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    del members
    size = path.stat().st_size
    return f"unpacked {torch.load(path)['weight'].nbytes:,} bytes from {size:,}"


def weight_with_a_flipped_bit(directory: str) -> str:
    """Load an archive whose checksum says that a weight is another one."""
    import torch

    path = Path(directory, "net.pt")
    torch.save({"weight": torch.ones(100)}, path)
    content = bytearray(path.read_bytes())
    content[content.index(struct.pack("<f", 1.0) * 3) + 3] ^= 64
    path.write_bytes(content)
    found = torch.load(path)["weight"][0].item()
    return f"reads {found:g} where 1 was written"


def weight_that_is_nan(directory: str) -> str:
    """Load a weight that is no number."""
    import torch

    network = torch.nn.Linear(3, 2)
    network.load_state_dict(network.state_dict() | {"bias": torch.full((2,), torch.nan)})
    return f"took it; the network answers {network(torch.ones(3)).tolist()}"


def weight_of_another_dtype(directory: str) -> str:
    """Load integers into a network of floats."""
    import torch

    network = torch.nn.Linear(2, 1, bias=False)
    network.load_state_dict({"weight": torch.tensor([[16_777_217, 1]])})
    return f"cast without a word: {int(network.weight[0, 0]):,} for 16,777,217"


def optimizer_state_of_another_shape(directory: str) -> str:
    """Resume with a momentum of one number."""
    import torch

    parameter = torch.nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.Adam([parameter])
    parameter.grad = torch.ones(3)
    optimizer.step()
    state = optimizer.state_dict()
    state["state"][0]["exp_avg_sq"] = torch.zeros(1)
    optimizer.load_state_dict(state)
    return "took it"


def pipe_as_weights(directory: str) -> str:
    """Open a named pipe that has the name of weights."""
    import torch

    os.mkfifo(path := Path(directory, "net.pt"))
    torch.load(path)
    return "read it"


def record_with_a_flipped_bit(directory: str) -> str:
    """Read an accuracy of which one bit is another one."""
    path = Path(directory, "evaluation.json")
    path.write_text('{"correct": 1897, "examples": 2000}')
    path.write_bytes(path.read_bytes().replace(b"1897", b"1997"))
    return f"reads {json.loads(path.read_text())['correct']} where 1897 was written"


def record_with_a_key_twice(directory: str) -> str:
    """Read a record that says two things."""
    found = json.loads('{"verdict": "fail", "verdict": "pass"}')
    return f"took the last: {found}"


def record_with_nan(directory: str) -> str:
    """Write and read a record whose number is none."""
    text = json.dumps({"max_abs": float("nan")})
    found = json.loads(text)["max_abs"]
    return f"wrote {text} and read it; above the limit: {found > 1e-4}"


def record_nested_deeply(directory: str) -> str:
    """Read 200 kB of brackets."""
    json.loads("[" * 200_000)
    return "read it"


def network_file_with_other_compiled_code(directory: str) -> str:
    """Import a file that was read before, beside which lies another one's compiled code."""
    path = Path(directory, "net.py")
    path.write_text("WHAT = 'the compiled code'\n")
    py_compile.compile(str(path))
    times = path.stat()
    path.write_text("WHAT = 'what was read    '\n")  # as large and as old: what is compared
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    sys.path.insert(0, directory)
    import importlib

    return f"runs {importlib.import_module('net').WHAT!r}"


def network_file_of_a_stranger(directory: str) -> str:
    """Build the network that a downloaded configuration names."""
    Path(directory, "net.py").write_text(f"open({directory + '/ran'!r}, 'w').close()\n")
    Path(directory, "config.json").write_text('{"model": "net.py"}')
    name = json.loads(Path(directory, "config.json").read_text())["model"]
    runpy.run_path(str(Path(directory, name)))
    return _what_ran(directory)


_PICKLED = "tests/models/test_pickled_weights.py"
_RESUME = "tests/trainers/test_resume_refusals.py"
_JSON = "tests/untrusted/test_sealed_json.py"
WEIGHTS_FAULTS = tuple(
    Fault(area="weights and records", name=name, raw=raw, library=library, ours=ours, test=test)
    for name, raw, library, ours, test in (
        (
            "weights that hold a command to run",
            pickle_with_code,
            "torch.load(weights_only=False)",
            "exit 4, nothing ran",
            f"{_PICKLED}::test_file_that_would_run_code_is_refused_and_nothing_ran",
        ),
        (
            "the same, read with care",
            pickle_with_code_read_safely,
            "torch.load",
            "exit 4; torch's advice to run what is in the file is not told",
            f"{_PICKLED}::test_file_that_would_run_code_is_refused_and_nothing_ran",
        ),
        (
            "one number that is said to be 10^12",
            expanded_tensor,
            "torch.load",
            "exit 4 by the tensor's name: its numbers are not in the file",
            f"{_PICKLED}::test_tensor_whose_numbers_are_not_all_in_the_file_is_refused",
        ),
        (
            "weights that unpack to two hundred times their size",
            compressed_archive,
            "torch.load",
            "exit 4: torch itself compresses nothing; read by a child with a limit on memory",
            f"{_PICKLED}::test_archive_that_is_compressed_is_refused",
        ),
        (
            "a bit that flipped in a weight",
            weight_with_a_flipped_bit,
            "torch.load",
            "exit 4: the archive's own checksum, which torch does not read",
            f"{_PICKLED}::test_flipped_bit_of_a_weight_is_noticed_by_the_archive_s_checksum",
        ),
        (
            "a weight that is NaN",
            weight_that_is_nan,
            "Module.load_state_dict",
            "exit 4 by the tensor's name",
            "tests/models/test_weights.py::test_number_that_is_not_finite_is_refused_by_tensor",
        ),
        (
            "a weight of another dtype",
            weight_of_another_dtype,
            "Module.load_state_dict",
            "exit 4 by the tensor's name, with both dtypes",
            "tests/models/test_weights.py::test_weights_that_do_not_fit_are_refused_by_tensor",
        ),
        (
            "an optimizer's state of another shape",
            optimizer_state_of_another_shape,
            "Optimizer.load_state_dict",
            "exit 4 by the parameter and the tensor",
            f"{_RESUME}::test_tensor_that_torch_would_take_is_refused_by_name",
        ),
        (
            "a named pipe called net.pt",
            pipe_as_weights,
            "torch.load",
            "exit 4 at once: it is a named pipe",
            "tests/models/test_foreign_weights.py::test_file_that_is_not_there_is_named",
        ),
        (
            "a bit that flipped in a record's number",
            record_with_a_flipped_bit,
            "json.loads",
            "exit 4: each record carries its own sha256",
            "tests/robustness/test_damaged_records.py"
            "::test_damaged_record_is_refused_or_says_the_same",
        ),
        (
            "a record with a key twice",
            record_with_a_key_twice,
            "json.loads",
            "exit 4 by the key",
            f"{_JSON}::test_what_readers_differ_about_is_refused_in_one_line",
        ),
        (
            "a record with NaN",
            record_with_nan,
            "json.dumps, json.loads",
            "never written; exit 4 where it is read",
            f"{_JSON}::test_what_readers_differ_about_is_refused_in_one_line",
        ),
        (
            "a record of 200,000 brackets",
            record_nested_deeply,
            "json.loads",
            "exit 4: it is nested too deeply",
            f"{_JSON}::test_what_readers_differ_about_is_refused_in_one_line",
        ),
        (
            "a run of a stranger whose network is a FILE.py",
            network_file_of_a_stranger,
            "runpy.run_path",
            "exit 4 with its sha256, nothing ran; --trust-code is the way in",
            "tests/commands/test_own_network.py"
            "::test_run_of_a_stranger_runs_no_code_until_it_is_trusted",
        ),
        (
            "other compiled code beside a network's FILE.py",
            network_file_with_other_compiled_code,
            "import",
            "what was hashed is what is run",
            "tests/models/test_user_file.py"
            "::test_compiled_code_beside_the_file_is_not_run_in_its_place",
        ),
    )
)
