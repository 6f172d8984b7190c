import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from artifacts.environment import usable_cpus
from artifacts.logits import Images
from errors import UnfinishedError, UnusableError, UsageError
from evaluate.onnx_runtime import OnnxRunner
from evaluate.openvino import FULL_NAME, device_for, library_path, plugin_options, refused_option
from evaluate.provider_trial import precision_failure, provider_failure
from evaluate.providers import engine_of, offered_providers
from evaluate.session_options import SessionOptions
from tests.evaluate.onnx_files import images_of, linear, linear_nodes, write_model

FAILURE = provider_failure("openvino")  # no package, or no device of Intel
needs_openvino = pytest.mark.skipif(FAILURE is not None, reason=str(FAILURE))


def asked(**options: str) -> SessionOptions:
    return SessionOptions(provider="openvino", provider_options=options, threads=1)


@dataclasses.dataclass
class Listed:
    """A device as ONNX Runtime lists it."""

    ep_name: str
    ep_metadata: dict[str, str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.onnx", linear_nodes())


@pytest.fixture
def images() -> Images:
    return images_of(5)


def test_openvino_is_offered_whether_it_is_installed_or_not() -> None:
    assert offered_providers().count("openvino") == 1


def test_missing_package_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime_ep_openvino", None)
    with pytest.raises(UnusableError, match=r"onnxruntime-ep-openvino is not installed$") as caught:
        library_path()
    assert caught.value.subject == "--provider openvino"
    assert caught.value.hint == "pip install '.[openvino]'"


def test_missing_package_is_exit_3_in_two_lines() -> None:
    program = (
        "import sys; sys.modules['onnxruntime_ep_openvino'] = None;"
        " from commands.main import main;"
        " sys.exit(main(['pipeline', '--models', 'mlp', '--provider', 'openvino']))"
    )
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert outcome.returncode == 3
    assert outcome.stderr.splitlines()[-2:] == [
        "error: --provider openvino: not usable here: onnxruntime-ep-openvino is not installed",
        "hint: pip install '.[openvino]'",
    ]


def test_device_is_that_of_its_name_and_never_one_that_chooses_by_itself() -> None:
    auto = Listed(f"{FULL_NAME}.AUTO", {"ov_device": "CPU", "ov_meta_device": "AUTO"})
    cpu, gpu = (Listed(FULL_NAME, {"ov_device": name}) for name in ("CPU", "GPU"))
    other = Listed("CPUExecutionProvider", {})
    assert device_for([other, auto, gpu, cpu], asked()) is cpu
    assert device_for([other, auto, gpu, cpu], asked(device_type="GPU")) is gpu
    with pytest.raises(UnusableError, match="no device 'NPU', only CPU, GPU") as caught:
        device_for([cpu, gpu, auto], asked(device_type="NPU"))
    assert caught.value.hint == "name one with --provider-option device_type=NAME"
    with pytest.raises(UnusableError, match="finds no device of its own in this machine"):
        device_for([other, auto], asked())


def test_device_is_told_to_compute_in_float32_unless_asked_otherwise() -> None:
    def config(**options: str) -> dict[str, dict[str, str]]:
        (value,) = plugin_options(asked(**options), threads=1).values()
        found: dict[str, dict[str, str]] = json.loads(value)
        return found

    assert config() == {
        "CPU": {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": "1",
            "ENABLE_HYPER_THREADING": "YES",
        }
    }
    assert config(INFERENCE_PRECISION_HINT="bf16")["CPU"]["INFERENCE_PRECISION_HINT"] == "bf16"
    assert config(device_type="GPU") == {"GPU": {"INFERENCE_PRECISION_HINT": "f32"}}


def test_threads_that_it_would_silently_not_have_are_refused() -> None:
    plugin_options(asked(), threads=usable_cpus())
    with pytest.raises(UsageError, match="--threads: OpenVINO takes no more than"):
        plugin_options(asked(), threads=usable_cpus() + 1)
    with pytest.raises(UsageError, match=r"INFERENCE_NUM_THREADS: .* use --threads instead"):
        asked(INFERENCE_NUM_THREADS="2")


def test_failure_that_names_no_option_is_none_of_an_options() -> None:
    text = "Exception from core.cpp:117:\nUnsupported property FOO by CPU plugin.\n"
    assert refused_option(asked(FO="1"), text) is None
    refused = refused_option(asked(FOO="1"), text)
    assert str(refused) == (
        "--provider-option FOO: OpenVINO says: Unsupported property FOO by CPU plugin."
    )


def test_what_computes_is_told_with_the_plugins_version() -> None:
    assert engine_of("openvino").startswith(f"{engine_of('cpu')} with onnxruntime-ep-openvino ")


@needs_openvino
def test_every_node_runs_on_openvino_and_gives_the_answers(path: Path, images: Images) -> None:
    runner = OnnxRunner(path, asked())
    assert runner.session_providers[0] == FULL_NAME
    assert set(runner.nodes) == {FULL_NAME}
    assert runner.copies == 0
    for batch in (images, images[:1]):
        assert np.allclose(runner.run(batch), linear(batch), atol=1e-4)
    bound = runner.bound(images, "logits", classes=3)
    bound()
    assert np.allclose(bound.logits(), linear(images), atol=1e-4)


@needs_openvino
def test_graph_that_it_can_only_run_in_part_is_refused(tmp_path: Path, images: Images) -> None:
    nodes = [helper.make_node("Det", ["pixels"], ["logits"])]
    path = write_model(tmp_path / "determinant.onnx", nodes, classes=1)
    with pytest.raises(UnusableError, match="assigned to the default CPU EP"):
        OnnxRunner(path, asked())
    allowed = dataclasses.replace(asked(), allow_cpu_nodes=True)
    assert OnnxRunner(path, allowed).nodes == {FULL_NAME: 1, "CPUExecutionProvider": 1}


@needs_openvino
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FOO", "1"),
        ("INFERENCE_PRECISION_HINT", "f8"),
        # What the plug-in itself would ignore, with a warning at most.
        ("precision", "FP32"),
        ("num_of_threads", "1"),
        ("load_config", "{}"),
    ],
)
def test_option_that_openvino_does_not_have_is_refused_by_name(
    path: Path, name: str, value: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="OpenVINO says: ") as caught:
        OnnxRunner(path, asked(**{name: value}))
    assert caught.value.subject == f"--provider-option {name}"
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@needs_openvino
def test_damaged_file_is_not_called_openvinos_fault(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UnfinishedError, match="cannot load it"):
        OnnxRunner(path, asked())


@needs_openvino
def test_bfloat16_graph_runs() -> None:
    assert precision_failure("openvino", "bf16") is None


@needs_openvino
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted on Linux")
@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_as_many_as_asked_for(tmp_path: Path, threads: int) -> None:
    if threads > usable_cpus():
        pytest.skip("there are not as many CPUs")
    size = 768
    nodes = [
        helper.make_node("Reshape", ["pixels", "shape"], ["square"]),
        *(
            helper.make_node("MatMul", [f"m{i}" if i else "square", "square"], [f"m{i + 1}"])
            for i in range(3)
        ),
        helper.make_node("ReduceMax", ["m3"], ["most"], keepdims=1),
        helper.make_node("Mul", ["most", "bias"], ["row"]),
        helper.make_node("Reshape", ["row", "flat"], ["logits"]),
    ]
    shape = helper.make_node("Constant", [], ["shape"], value_ints=[size, size])
    flat = helper.make_node("Constant", [], ["flat"], value_ints=[1, 3])
    path = write_model(tmp_path / "products.onnx", [shape, flat, *nodes], shape=(1, 1, size, size))
    runner = OnnxRunner(path, dataclasses.replace(asked(), threads=threads))
    values = np.zeros((1, 1, size, size), dtype=np.uint8)
    runner.run(values)
    before = _cpu_ticks()
    for _ in range(20):
        runner.run(values)
    after = _cpu_ticks()
    taken = [after[task] - before.get(task, 0) for task in after]
    assert sum(ticks > max(taken) / 8 for ticks in taken) == threads


def _cpu_ticks() -> dict[str, int]:
    """Return the CPU time of each thread of this process."""
    ticks = {}
    for task in Path("/proc/self/task").iterdir():
        stat = (task / "stat").read_text().rpartition(")")[2].split()
        ticks[task.name] = int(stat[11]) + int(stat[12])
    return ticks
