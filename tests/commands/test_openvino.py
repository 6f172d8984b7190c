"""The commands on OpenVINO, where its package and a device of Intel are."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from commands.main import main
from evaluate.provider_trial import provider_failure

FAILURE = provider_failure("openvino")
needs_openvino = pytest.mark.skipif(FAILURE is not None, reason=str(FAILURE))


@pytest.fixture
def run(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def evaluation_of(run: Path) -> dict[str, Any]:
    path = run / "evaluations" / "float32-openvino.json"
    record: dict[str, Any] = json.loads(path.read_text())
    return record


@needs_openvino
def test_evaluation_proves_float32_on_openvino(run: Path) -> None:
    quick = ["--min-seconds", "0.02", "--batch-sizes", "1,4"]
    assert main(["evaluate", "--run", str(run), "--provider", "openvino", *quick]) == 0
    record = evaluation_of(run)
    proof = record["provider"]
    assert proof["requested"] == "openvino"
    assert set(proof["nodes"]) == {"OpenVINOExecutionProvider"}
    assert proof["options"] == {"device_type": "CPU", "INFERENCE_PRECISION_HINT": "f32"}
    assert record["parity"]["tolerance"] == "openvino-float32"
    assert [timing["outputs_verified"] for timing in record["latency"]] == [True, True]
    assert "onnxruntime-ep-openvino" in record["environment"]["versions"]


@needs_openvino
def test_file_is_tried_in_a_child_that_has_openvino_too(run: Path, tiny_npz: Path) -> None:
    options = ["--dataset", str(tiny_npz), "--provider", "openvino", "--no-latency"]
    assert main(["evaluate", "--onnx", str(run / "model.onnx"), *options]) == 0


@needs_openvino
def test_bfloat16_that_was_asked_for_is_held_to_what_float32_is(run: Path) -> None:
    options = ["--provider-option", "INFERENCE_PRECISION_HINT=bf16", "--atol", "0", "--rtol", "0"]
    main(["evaluate", "--run", str(run), "--provider", "openvino", "--no-latency", *options])
    record = evaluation_of(run)
    assert record["provider"]["options"]["INFERENCE_PRECISION_HINT"] == "bf16"
    assert record["parity"]["tolerance"] == "openvino-float32, as given"


@needs_openvino
@pytest.mark.parametrize(
    ("options", "code", "line"),
    [
        (["--provider-option", "device_type=NPU"], 3, "error: --provider openvino: not usable"),
        (["--provider-option", "FOO=1"], 2, "error: --provider-option FOO: OpenVINO says: "),
        (["--threads", "4096"], 2, "error: --threads: OpenVINO takes no more"),
        (["--tf32"], 2, "error: --tf32: "),
    ],
)
def test_what_openvino_does_not_have_is_refused_and_nothing_is_written(
    run: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, line: str
) -> None:
    asked = ["evaluate", "--run", str(run), "--provider", "openvino", "--no-latency", *options]
    assert main(asked) == code
    assert capsys.readouterr().err.splitlines()[-1 - (code == 3)].startswith(line)
    assert not (run / "evaluations").exists()


def test_doctor_tries_openvino_as_it_tries_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)["providers"]["openvino"]
    assert report["works"] == (FAILURE is None)
    assert report["why"] == (FAILURE.problem if FAILURE else None)
    assert report["remedy"] == (FAILURE.hint if FAILURE else None)
