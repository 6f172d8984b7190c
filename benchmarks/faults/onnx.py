"""ONNX files of strangers, given to the libraries that usually open them."""

import os
from pathlib import Path

import numpy as np

from benchmarks.faults.fault import Fault

PIXELS = np.full((1, 1, 2, 2), 125, np.uint8)


def _saved(directory: str, content: bytes) -> str:
    path = Path(directory, "x.onnx")
    path.write_bytes(content)
    return str(path)


def _run(directory: str, content: bytes) -> str:
    """Load and run a file as ONNX Runtime's documentation shows; return what came of it."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        _saved(directory, content), providers=["CPUExecutionProvider"]
    )
    (logits,) = session.run(None, {"images": PIXELS})
    return f"answers {logits.ravel()[:4].tolist()}"


def loop_without_an_end(directory: str) -> str:
    """Run a loop whose condition stays true."""
    from tests.evaluate.hostile_files import endless_loop

    return _run(directory, endless_loop().SerializeToString())


def loop_on_one_image(directory: str) -> str:
    """Run a graph that answers, and then loops for ever on another image."""
    from tests.evaluate.hostile_files import endless_loop

    return _run(directory, endless_loop(only_between=(100, 150)).SerializeToString())


def division_by_zero(directory: str) -> str:
    """Load a convolution of no groups."""
    from tests.evaluate.hostile_files import division_by_zero as hostile

    return _run(directory, hostile().SerializeToString())


def terabytes_for_a_few_pixels(directory: str) -> str:
    """Run 300 bytes that ask for 16 TB."""
    from tests.evaluate.hostile_files import terabytes

    return _run(directory, terabytes("Expand").SerializeToString())


def doubling_functions_checked(directory: str) -> str:
    """Check 40 functions each of which calls the next one twice."""
    import onnx

    from tests.evaluate.hostile_files import doubling_functions

    path = _saved(directory, doubling_functions(40).SerializeToString())
    onnx.checker.check_model(path, full_check=True)
    return "valid"


def operator_of_nobody(directory: str) -> str:
    """Check a model with an operator that nobody has."""
    import onnx

    from tests.evaluate.hostile_files import FLOATS, NODE, model_of

    nodes = [*FLOATS, NODE("Foo", ["flat"], ["logits"], domain="their.own")]
    model = model_of(nodes, domains=["their.own"])
    onnx.checker.check_model(model, full_check=True)
    return "the checker finds nothing"


def version_of_the_future(directory: str) -> str:
    """Load a model of an opset that is not there yet."""
    from tests.evaluate.hostile_files import flat_logits

    return _run(directory, flat_logits(opset=99).SerializeToString())


def graph_without_outputs(directory: str) -> str:
    """Check a graph that computes nothing for anybody."""
    import onnx

    from tests.evaluate.hostile_files import flat_logits

    onnx.checker.check_model(flat_logits(outputs=()), full_check=True)
    return "the checker finds nothing"


def named_pipe(directory: str) -> str:
    """Load a named pipe that has a model's name."""
    import onnx

    os.mkfifo(path := Path(directory, "x.onnx"))
    onnx.load(path)
    return "read it"


def weight_with_a_changed_bit(directory: str) -> str:
    """Run a model of which one bit of a weight is another one."""
    from tests.evaluate.onnx_files import WEIGHT, linear_nodes, write_model

    path = write_model(Path(directory, "whole.onnx"), linear_nodes())
    content = bytearray(path.read_bytes())
    content[content.index(WEIGHT.tobytes()) + 3] ^= 0x40
    return f"{_run(directory, path.read_bytes())}, then {_run(directory, bytes(content))}"


def weights_that_are_a_link(directory: str) -> str:
    """Load weights that are a link to a file somewhere else."""
    return _with_weights(directory, link=True)


def weights_cut_off(directory: str) -> str:
    """Load weights of which the last bytes are gone."""
    return _with_weights(directory, link=False)


def _with_weights(directory: str, *, link: bool) -> str:
    import onnx

    from tests.evaluate.onnx_files import linear_nodes, write_model

    path = write_model(Path(directory, "x.onnx"), linear_nodes())
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights", size_threshold=0)
    weights = path.with_name("weights")
    content = weights.read_bytes()
    if link:
        (elsewhere := Path(directory, "elsewhere")).mkdir()
        weights.rename(elsewhere / "secret")
        weights.symlink_to(elsewhere / "secret")
    else:
        weights.write_bytes(content[:-8])
    return _run(directory, path.read_bytes())


def reference_of_objects(directory: str) -> str:
    """Load a reference whose logits are pickled objects."""
    path = Path(directory, "reference.npz")
    np.savez(path, float32=np.array([{"a": 1}], dtype=object))
    return str(np.load(path)["float32"])


_FOREIGN = "tests/evaluate/test_foreign.py"
_RULES = (
    "tests/evaluate/test_onnx_rules.py::test_file_that_is_no_model_of_here_is_refused_in_one_line"
)
_COMMANDS = "tests/commands/test_hostile_onnx.py"
_RUN = "onnxruntime.InferenceSession().run"

ONNX_FAULTS: tuple[Fault, ...] = tuple(
    Fault(area="ONNX files", name=name, raw=raw, library=library, ours=ours, test=test)
    for name, raw, library, ours, test in (
        (
            "a loop that never ends",
            loop_without_an_end,
            _RUN,
            "exit 5 after --model-timeout: a child process runs it first",
            f"{_FOREIGN}::test_file_that_never_ends_is_ended",
        ),
        (
            "a loop that never ends on some images",
            loop_on_one_image,
            _RUN,
            "exit 5 after --model-timeout: a watchdog ends the run",
            f"{_COMMANDS}::test_evaluation_of_a_graph_that_loops_on_the_last_image_ends",
        ),
        (
            "a division by zero in native code",
            division_by_zero,
            "onnxruntime.InferenceSession",
            "exit 5, with the file's name: it was a child process that crashed",
            f"{_FOREIGN}::test_file_that_divides_by_zero_in_native_code_is_told_by_its_name",
        ),
        (
            "300 bytes that ask for 16 TB",
            terabytes_for_a_few_pixels,
            _RUN,
            "exit 5: the child process may take no more than is free",
            f"{_FOREIGN}::test_file_that_asks_for_terabytes_does_not_get_them",
        ),
        (
            "2^40 nodes in 40 functions",
            doubling_functions_checked,
            "onnx.checker.check_model(full_check=True)",
            "exit 5 after --model-timeout: a child process checks it",
            f"{_FOREIGN}::test_file_that_never_ends_is_ended",
        ),
        (
            "an operator that nobody has",
            operator_of_nobody,
            "onnx.checker.check_model(full_check=True)",
            "exit 4, with the operator's name and domain",
            _RULES,
        ),
        (
            "opset 99",
            version_of_the_future,
            "onnxruntime.InferenceSession",
            "exit 4: found 99, and up to which they are known",
            _RULES,
        ),
        (
            "a graph without outputs",
            graph_without_outputs,
            "onnx.checker.check_model(full_check=True)",
            "exit 4: it has no outputs",
            _RULES,
        ),
        (
            "a named pipe called x.onnx",
            named_pipe,
            "onnx.load",
            "exit 4: wanted a regular file, of at most 2 GiB",
            f"{_FOREIGN}::test_only_regular_files_of_a_size_that_protobuf_can_have_are_read",
        ),
        (
            "one bit of a weight",
            weight_with_a_changed_bit,
            _RUN,
            "exit 4 for a run, by its hash; of a stranger's file the record has the hash",
            "tests/robustness/test_damaged_onnx.py"
            "::test_damaged_file_of_a_run_is_refused_by_its_hash",
        ),
        (
            "weights that are a link to elsewhere",
            weights_that_are_a_link,
            "onnxruntime.InferenceSession",
            "exit 4: they must be a file of the same directory",
            "tests/evaluate/test_external_data.py"
            "::test_weights_are_refused_where_they_are_not_what_the_model_says",
        ),
        (
            "weights that are cut off",
            weights_cut_off,
            "onnxruntime.InferenceSession",
            "exit 4: too short, with what was wanted and found",
            "tests/evaluate/test_external_data.py"
            "::test_weights_are_refused_where_they_are_not_what_the_model_says",
        ),
        (
            "pickled objects in reference.npz",
            reference_of_objects,
            "numpy.load",
            "exit 4: numbers and text alone, and no advice to unpickle them",
            "tests/artifacts/test_logits.py::test_pickled_objects_are_refused_and_not_run",
        ),
    )
)
