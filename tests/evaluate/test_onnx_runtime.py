import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import NodeProto, TensorProto, helper, numpy_helper

from artifacts.environment import usable_cpus
from artifacts.logits import Images, Logits
from errors import UnfinishedError, UnusableError, UsageError
from evaluate.idle_threads import wait_for_idle_threads
from evaluate.onnx_runtime import OnnxRunner
from evaluate.provider_trial import provider_failure
from evaluate.providers import offered_providers
from evaluate.session_options import SessionOptions
from tests.evaluate.records import CPU, CUDA

ROOT = Path(__file__).parents[2]
WEIGHT = np.arange(12, dtype=np.float32).reshape(4, 3) / np.float32(8)
BIAS = np.array([1, -2, 3], dtype=np.float32)
Capture = pytest.CaptureFixture[str]


def onnx_file(path: Path, nodes: list[NodeProto], classes: int) -> Path:
    graph = helper.make_graph(
        [helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT), *nodes],
        path.stem,
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 1, 2, 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])],
        [numpy_helper.from_array(WEIGHT, "weight"), numpy_helper.from_array(BIAS, "bias")],
    )
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file with a linear layer on 1x2x2 images; its figures are exact in float32."""
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logits"]),
    ]
    return onnx_file(tmp_path / "linear.onnx", nodes, classes=3)


@pytest.fixture
def images() -> Images:
    return np.random.default_rng(0).integers(0, 256, (5, 1, 2, 2), dtype=np.uint8)


def by_hand(images: Images) -> Logits:
    return images.reshape(-1, 4).astype(np.float32) @ WEIGHT + BIAS


def test_logits_are_those_of_the_arithmetic(path: Path, images: Images) -> None:
    for model in (path, path.read_bytes()):
        runner = OnnxRunner(model)
        for batch in (images, images[:1]):
            logits = runner.run(batch)
            assert logits.dtype == np.float32
            assert np.array_equal(logits, by_hand(batch))


def test_runner_tells_where_the_nodes_went(path: Path) -> None:
    runner = OnnxRunner(path)
    assert runner.asked == SessionOptions()
    assert runner.session_providers == (CPU,)
    assert set(runner.nodes) == {CPU}
    assert 1 <= runner.nodes[CPU] <= 4  # some are fused
    assert runner.copies == 0
    assert runner.load_ms > 0


def test_threads_are_those_that_this_process_may_use_unless_given(path: Path) -> None:
    assert OnnxRunner(path).threads == usable_cpus()
    assert OnnxRunner(path, SessionOptions(threads=1)).threads == 1


def test_cpu_works() -> None:
    assert provider_failure("cpu") is None


@pytest.mark.parametrize("provider", ["gpu", "", "CUDA", "CPUExecutionProvider"])
def test_unknown_provider_is_refused_with_the_right_ones(path: Path, provider: str) -> None:
    with pytest.raises(UsageError, match=f"unknown provider '{provider}': wanted one of") as caught:
        OnnxRunner(path, SessionOptions(provider=provider))
    assert caught.value.subject == "--provider"
    assert caught.value.problem.endswith(", ".join(sorted(offered_providers())))


def test_offered_providers_are_those_built_in_and_openvino() -> None:
    program = "import onnxruntime; print(len(onnxruntime.get_available_providers()))"
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert {"cpu", "openvino"} <= set(offered_providers())
    assert len(offered_providers()) == int(outcome.stdout) + 1


def test_provider_that_is_not_built_in_is_not_usable(path: Path) -> None:
    known = {name.removesuffix("ExecutionProvider") for name in onnxruntime.get_all_providers()}
    absent = {name.lower() for name in known} - set(offered_providers())
    assert absent  # no wheel has them all: CoreML is Apple's, DirectML is Windows's
    for provider in absent:
        with pytest.raises(UnusableError, match=r"as installed has only .*cpu") as caught:
            OnnxRunner(path, SessionOptions(provider=provider))
        assert caught.value.subject == f"--provider {provider}"
        assert isinstance(provider_failure(provider), UnusableError)


def test_cuda_runs_on_cuda_or_is_refused_and_nothing_is_shown(
    path: Path, images: Images, capfd: Capture
) -> None:
    failure = provider_failure("cuda")
    if failure is None:
        runner = OnnxRunner(path, SessionOptions(provider="cuda"))
        assert runner.session_providers[0] == CUDA
        assert set(runner.nodes) == {CUDA}
        assert runner.asked.all_provider_options == {"use_tf32": "0"}
        assert np.allclose(runner.run(images), by_hand(images))
    else:
        with pytest.raises(UnusableError, match=r"not usable here|has only") as caught:
            OnnxRunner(path, SessionOptions(provider="cuda"))
        assert str(failure) == str(caught.value)
        assert isinstance(failure, UnusableError)
        assert failure.hint
        assert "\n" not in str(failure)
    assert capfd.readouterr() == ("", "")


def test_graph_that_cuda_can_only_run_in_part_is_refused(tmp_path: Path, images: Images) -> None:
    nodes = [helper.make_node("Det", ["pixels"], ["logits"])]  # determinants: on the CPU alone
    path = onnx_file(tmp_path / "determinant.onnx", nodes, classes=1)
    assert OnnxRunner(path).run(images).shape == (5, 1)
    with pytest.raises(UnusableError):
        OnnxRunner(path, SessionOptions(provider="cuda"))


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_gpu_provider_is_not_usable_when_no_gpu_is_seen(provider: str) -> None:
    failure = provider_failure(provider)
    assert torch.cuda.is_available() or isinstance(failure, UnusableError)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_damaged_file_is_refused_by_name_in_one_line(
    path: Path, kept: float, capfd: Capture
) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(UnfinishedError, match="cannot load it") as caught:
        OnnxRunner(path)
    assert caught.value.subject == str(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnfinishedError, match=r"gone\.onnx: "):
        OnnxRunner(tmp_path / "gone.onnx")


@pytest.mark.parametrize("provider", sorted({"cuda", "tensorrt"} & set(offered_providers())))
def test_damaged_file_is_not_called_the_providers_fault(path: Path, provider: str) -> None:
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UnfinishedError):
        OnnxRunner(path, SessionOptions(provider=provider))


@pytest.mark.parametrize(
    "images", [np.zeros((1, 3, 2, 2), np.uint8), np.zeros((1, 1, 2, 2), np.float32)]
)
def test_images_that_do_not_fit_the_graph_are_refused_in_one_line(
    path: Path, images: Images
) -> None:
    with pytest.raises(UnfinishedError, match="the graph failed: ") as caught:
        OnnxRunner(path).run(images)
    assert "\n" not in str(caught.value)


def test_standard_output_is_free_again_after_loading(path: Path, capfd: Capture) -> None:
    OnnxRunner(path)
    os.write(1, b"ours")
    assert capfd.readouterr() == ("ours", "")


@pytest.mark.parametrize("module", ["evaluate.onnx_runtime", "evaluate.evaluation"])
def test_evaluating_loads_no_torch(module: str) -> None:
    program = (
        f"import sys, {module} as module; from evaluate.provider_trial import provider_failure;"
        " print(provider_failure('cpu'), 'torch' in sys.modules)"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert outcome.stdout == "None False\n"


@pytest.mark.parametrize(("name", "value"), [("arena", "1"), ("use_tf32_", "0")])
def test_option_that_the_cpu_provider_does_not_have_is_refused_by_name(
    path: Path, name: str, value: str
) -> None:
    asked = SessionOptions(provider_options={name: value})
    with pytest.raises(UsageError, match="the cpu provider has no such option") as caught:
        OnnxRunner(path, asked)
    assert caught.value.subject == f"--provider-option {name}"


def test_tf32_on_one_side_only_cannot_be_asked_for() -> None:
    for tf32, value in ((False, "1"), (True, "0")):
        with pytest.raises(UsageError, match="PyTorch's side must do the same"):
            SessionOptions(provider="cuda", tf32=tf32, provider_options={"use_tf32": value})
    for tf32, value in ((False, "0"), (True, "1")):
        asked = SessionOptions(provider="cuda", tf32=tf32)
        assert asked.all_provider_options == {"use_tf32": value}


def test_bound_run_leaves_its_logits_where_they_are_forgotten(path: Path, images: Images) -> None:
    bound = OnnxRunner(path).bound(images, "logits", classes=3)
    assert np.isnan(bound.logits()).all()
    for _ in range(2):
        bound()
        assert np.array_equal(bound.logits(), by_hand(images))
        bound.forget()
        assert np.isnan(bound.logits()).all()


def test_bound_run_of_a_wrong_shape_is_refused_in_one_line(path: Path, images: Images) -> None:
    for output, classes in (("nothing", 3), ("logits", 4)):
        with pytest.raises(UnfinishedError, match="the graph failed: "):
            OnnxRunner(path).bound(images, output, classes)()


def test_runner_tells_the_graphs_inputs_and_outputs(path: Path) -> None:
    runner = OnnxRunner(path, SessionOptions(optimize=False))
    (images,), (logits,) = runner.inputs, runner.outputs
    assert (images.name, images.dtype, images.shape) == ("images", "uint8", ("batch", 1, 2, 2))
    assert (logits.name, logits.dtype, logits.shape) == ("logits", "float32", ("batch", 3))
    assert runner.nodes == {CPU: 4}  # as they are written


@pytest.mark.parametrize("busy_wait", [True, False])
def test_threads_wait_at_full_speed_unless_told_to_sleep(path: Path, busy_wait: bool) -> None:
    runner = OnnxRunner(path, SessionOptions(threads=2, busy_wait=busy_wait))
    many = np.zeros((200_000, 1, 2, 2), dtype=np.uint8)
    shares = []
    for _ in range(5):
        wait_for_idle_threads()
        runner.run(many)
        before = time.process_time()
        time.sleep(0.02)
        shares.append((time.process_time() - before) / 0.02)
    assert (np.median(shares) > 0.1) == busy_wait
