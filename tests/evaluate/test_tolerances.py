import pytest

from evaluate.tolerances import CPU_FLOAT32, GPU_FLOAT32, tolerance_for


@pytest.mark.parametrize(
    ("provider", "name"),
    [("cpu", "cpu-float32"), ("cuda", "gpu-float32"), ("tensorrt", "gpu-float32")],
)
def test_tolerance_is_the_providers(provider: str, name: str) -> None:
    assert tolerance_for(provider, "float32").name == name


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
