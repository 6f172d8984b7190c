"""Files that would end this process, or never let it end, were it the first to run them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

from artifacts.files import sha256_of_file
from errors import ArtifactError, OnnxproofError, UnfinishedError, UsageError
from evaluate import foreign
from evaluate.foreign import MOST_MODEL_BYTES, require_same_files, tried_file
from evaluate.graph_input import InputOptions
from evaluate.session_options import SessionOptions
from storage.temporary import remove_leftovers
from tests.evaluate import hostile_files as hostile
from tests.evaluate.onnx_files import images_of

ROOT = Path(__file__).parents[2]
IMAGES = images_of(3)
# Of a child that is killed: enough to start it where two others share the CPUs.
SECONDS = 4.0


def saved(path: Path, model: ModelProto | bytes) -> Path:
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path


def error_of(path: Path, *, seconds: float = 60.0) -> OnnxproofError:
    session = SessionOptions(timeout_seconds=seconds)
    with pytest.raises(OnnxproofError) as caught:
        tried_file(path, InputOptions(), session, IMAGES)
    return caught.value


def test_harmless_file_is_described_by_the_child_that_ran_it(tmp_path: Path) -> None:
    path = saved(tmp_path / "flat.onnx", hostile.flat_logits())
    for images in (IMAGES, None):
        found = tried_file(path, InputOptions(), SessionOptions(), images)
        assert found.model.onnx_sha256 == sha256_of_file(path)
        assert (found.model.opset, found.model.parameters) == (18, 0)
        assert found.softmaxed == frozenset()
        require_same_files(path, found.model)


@pytest.mark.parametrize(
    "model", [hostile.endless_loop, lambda: hostile.doubling_functions(40)], ids=["run", "load"]
)
def test_file_that_never_ends_is_ended(
    tmp_path: Path, model: Callable[[], ModelProto], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Neither takes much: where little is free now, it must not be the other limit that is met.
    monkeypatch.setattr(foreign, "available_memory_bytes", lambda: 8 << 30)
    path = saved(tmp_path / "endless.onnx", model())
    start = time.monotonic()
    error = error_of(path, seconds=SECONDS)
    assert time.monotonic() - start < 3 * SECONDS
    assert str(error) == f"{path}: was not done after 4 seconds when it was first run"
    assert error.hint == "allow it more with --model-timeout SECONDS"
    assert error.exit_code == 5


def test_file_that_divides_by_zero_in_native_code_is_told_by_its_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.onnx", hostile.division_by_zero())
    error = error_of(path)
    assert str(error) == f"{path}: crashed (SIGFPE) when it was first run"
    assert (error.exit_code, error.hint) == (5, None)


@pytest.mark.parametrize("op_type", ["ConstantOfShape", "Expand", "Tile"])
def test_file_that_asks_for_terabytes_does_not_get_them(tmp_path: Path, op_type: str) -> None:
    error = error_of(saved(tmp_path / "huge.onnx", hostile.terabytes(op_type)))
    assert isinstance(error, UnfinishedError)
    assert (
        f"huge.onnx: the graph failed: Non-zero status code returned while running {op_type}"
        in (str(error))
    )


def test_file_that_fixes_a_huge_batch_does_not_get_the_images_for_it(tmp_path: Path) -> None:
    model = hostile.flat_logits()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 10**14
    error = error_of(saved(tmp_path / "huge.onnx", model))
    assert isinstance(error, UnfinishedError)
    assert "wanted more memory than the " in str(error)
    assert error.hint == "allow it more with --model-timeout SECONDS"


def test_images_that_the_graph_does_not_take_are_an_error_of_usage(tmp_path: Path) -> None:
    path = saved(tmp_path / "flat.onnx", hostile.flat_logits())
    with pytest.raises(UsageError, match="takes \\['batch', 1, 2, 2\\]; the dataset has"):
        tried_file(path, InputOptions(), SessionOptions(), np.zeros((1, 3, 9, 9), np.uint8))


def test_only_regular_files_of_a_size_that_protobuf_can_have_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")  # opening it would wait for ever
    assert "is a named pipe: wanted a regular file" in str(error_of(tmp_path / "pipe.onnx"))
    assert "is a directory" in str(error_of(tmp_path))
    assert "is a device" in str(error_of(Path("/dev/zero")))
    assert "no such file" in str(error_of(tmp_path / "gone.onnx"))
    large = tmp_path / "large.onnx"
    with large.open("wb") as file:
        file.truncate(MOST_MODEL_BYTES + 1)
    assert "is too large: wanted at most 2,147,483,647 bytes" in str(error_of(large))


def test_file_that_becomes_another_one_after_its_trial_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "flat.onnx", hostile.flat_logits())
    tried = tried_file(path, InputOptions(), SessionOptions())
    weights = tried.model.model_copy(update={"external_data": {"weights": "0" * 64}})
    (tmp_path / "weights").write_bytes(b"others")
    with pytest.raises(ArtifactError, match="weights: was changed while it was opened"):
        require_same_files(path, weights)
    saved(path, hostile.endless_loop())
    with pytest.raises(ArtifactError, match=r"flat\.onnx: was changed while it was opened"):
        require_same_files(path, tried.model)


def test_images_of_a_killed_trial_do_not_stay(tmp_path: Path) -> None:
    path = saved(tmp_path / "endless.onnx", hostile.endless_loop())
    temporaries = tmp_path / "tmp"
    temporaries.mkdir()
    program = (
        "import sys; import numpy as np; from pathlib import Path;"
        " from evaluate.foreign import tried_file; from evaluate.graph_input import InputOptions;"
        " from evaluate.session_options import SessionOptions; tried_file(Path(sys.argv[1]),"
        " InputOptions(), SessionOptions(), np.zeros((2, 1, 2, 2), np.uint8))"
    )
    command = [sys.executable, "-c", program, str(path)]
    environment = os.environ | {"TMPDIR": str(temporaries)}
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        while not list(temporaries.glob("*/order.json")):  # written after the images
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    assert list(temporaries.glob("*/images.npy"))
    remove_leftovers(temporaries)
    assert not list(temporaries.glob("*/images.npy"))
