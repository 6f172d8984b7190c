from typing import get_args

import pytest

from artifacts.choices import GraphPrecision, Precision
from evaluate.tolerances import CPU_FLOAT32, GPU_FLOAT32, tolerance_for


@pytest.mark.parametrize(
    ("provider", "precision", "name"),
    [
        ("cpu", "float32", "cpu-float32"),
        ("cuda", "float32", "gpu-float32"),
        ("tensorrt", "float32", "gpu-float32"),
        ("cpu", "fp16", "cpu-float16"),
        ("cuda", "fp16", "gpu-float16"),
        ("cuda", "bf16", "gpu-bfloat16"),
        ("cpu", "int8", "cpu-int8"),
        ("tensorrt", "int8", "gpu-int8"),
        ("cpu", "int8-dynamic", "cpu-int8-dynamic"),
        ("cpu", "float64", "cpu-float32"),
        ("openvino", "float32", "openvino-float32"),
        ("openvino", "float64", "openvino-float32"),
        ("openvino", "fp16", "openvino-float16"),
        ("openvino", "bf16", "openvino-bfloat16"),
        ("openvino", "int8", "openvino-int8"),
        ("openvino", "int8-dynamic", "openvino-int8-dynamic"),
    ],
)
def test_tolerance_is_that_of_provider_and_precision(
    provider: str, precision: GraphPrecision, name: str
) -> None:
    assert tolerance_for(provider, precision).name == name


def test_only_calibrated_int8_may_be_far_off_somewhere() -> None:
    shares = {name: tolerance_for("cpu", name).outside_share for name in get_args(Precision)}
    assert {name for name, share in shares.items() if share} == {"int8"}


def test_cpu_is_held_to_more_than_the_gpu() -> None:
    assert CPU_FLOAT32.atol < GPU_FLOAT32.atol
    assert CPU_FLOAT32.rtol < GPU_FLOAT32.rtol


@pytest.mark.parametrize(
    ("atol", "rtol"), [(0.5, None), (None, 0.25), (0.5, 0.25), (0.0, 0.0), (1e-4, None)]
)
def test_overridden_tolerance_is_named_as_given(atol: float | None, rtol: float | None) -> None:
    tolerance = tolerance_for("cpu", "float32", atol=atol, rtol=rtol)
    assert tolerance.name == "cpu-float32, as given"
    assert tolerance.atol == (CPU_FLOAT32.atol if atol is None else atol)
    assert tolerance.rtol == (CPU_FLOAT32.rtol if rtol is None else rtol)
    assert tolerance_for("cpu", "float32") == CPU_FLOAT32
