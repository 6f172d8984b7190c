"""Texts as ONNX Runtime 1.31 prints them, colours and file names of its sources included."""

import pytest

from evaluate.provider_errors import cause_and_remedy

WANTED = " (ONNX Runtime wants cuDNN 9.* and CUDA 13.*)"
REQUIREMENT = (
    "\x1b[0;93m2026-11-22 22:30:37.216301795 [W:onnxruntime:Default,"
    " onnxruntime_pybind_state.cc:1295 CreateExecutionProviderFactoryInstance] Failed to create"
    " CUDAExecutionProvider. Require cuDNN 9.* and CUDA 13.*. Please install all dependencies as"
    " mentioned in the GPU requirements page"
    " (https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html#requirements),"
    " make sure they're in the PATH, and that your GPU is supported.\x1b[m\n"
)
FALLBACK = "This session cannot use the CPU EP fallback\nmore of the same"


def not_loaded(library: str, provider: str = "cuda") -> str:
    return (
        "\x1b[1;31m2026-11-22 22:30:37.216229377 [E:onnxruntime:Default,"
        " provider_bridge_ort.cc:2458 operator()] /onnxruntime_src/onnxruntime/core/session/"
        "provider_bridge_ort.cc:2043 onnxruntime::Provider& onnxruntime::ProviderLibrary::Get()"
        " [ONNXRuntimeError] : 1 : FAIL : Failed to load library"
        f" /x/libonnxruntime_providers_{provider}.so with error: {library}: cannot open shared"
        " object file: No such file or directory\n\x1b[m\n"
    )


@pytest.mark.parametrize(
    ("library", "part", "remedy"),
    [
        ("libcuda.so.1", "the NVIDIA driver", "install the driver of your GPU"),
        ("libcublasLt.so.13", "the CUDA runtime", "CUDA toolkit"),
        ("libcublas.so.13", "the CUDA runtime", "CUDA toolkit"),
        ("libcudart.so.13", "the CUDA runtime", "CUDA toolkit"),
        ("libcurand.so.10", "the CUDA runtime", "CUDA toolkit"),
        ("libnvJitLink.so.13", "the CUDA runtime", "CUDA toolkit"),
        ("libcudnn.so.9", "cuDNN", "cuDNN 9"),
        ("libnvinfer.so.10", "TensorRT", "pip install tensorrt"),
        ("libnvinfer_plugin.so.10", "TensorRT", "pip install tensorrt"),
        ("libnvonnxparser.so.10", "TensorRT", "pip install tensorrt"),
    ],
)
def test_missing_library_is_told_with_what_it_belongs_to(
    library: str, part: str, remedy: str
) -> None:
    cause, found = cause_and_remedy(FALLBACK, not_loaded(library))
    assert cause == f"{library} of {part} did not load"
    assert remedy in found


def test_wanted_versions_are_told_where_onnx_runtime_tells_them() -> None:
    cause, _ = cause_and_remedy(FALLBACK, not_loaded("libcudnn.so.9") + REQUIREMENT)
    assert cause == "libcudnn.so.9 of cuDNN did not load" + WANTED


def test_library_that_nobody_knows_is_told_by_its_name() -> None:
    cause, remedy = cause_and_remedy(FALLBACK, not_loaded("libnccl.so.2"))
    assert cause == "libnccl.so.2 did not load"
    assert remedy == "install the package that it belongs to"


@pytest.mark.parametrize("in_exception", [True, False])
@pytest.mark.parametrize(
    ("number", "what"),
    [
        (100, "no CUDA-capable device is detected"),
        (35, "CUDA driver version is insufficient for CUDA runtime version"),
        (2, "out of memory"),
    ],
)
def test_cuda_failure_is_told_in_cudas_own_words(
    number: int, what: str, in_exception: bool
) -> None:
    text = (
        f"CUDA failure {number}: {what} ; GPU=-1 ; hostname=h ;"
        " file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ;"
        " line=280 ; expr=cudaSetDevice(info_.device_id);"
    )
    failure, printed = (text, REQUIREMENT) if in_exception else (FALLBACK, text + REQUIREMENT)
    cause, remedy = cause_and_remedy(failure, printed)
    assert cause == f"CUDA says {what!r}{WANTED}"
    assert "nvidia-smi" in remedy


def test_missing_library_is_told_rather_than_what_follows_from_it() -> None:
    text = not_loaded("libcudart.so.13") + "CUDA failure 100: no CUDA-capable device is detected ;"
    assert cause_and_remedy(FALLBACK, text)[0].startswith("libcudart.so.13 ")


def test_first_line_of_the_failure_is_told_when_nothing_is_known_of_it() -> None:
    cause, remedy = cause_and_remedy(FALLBACK, "")
    assert cause == "This session cannot use the CPU EP fallback"
    assert "doctor" in remedy
    assert cause_and_remedy(FALLBACK, REQUIREMENT)[0] == cause + WANTED


@pytest.mark.parametrize("failure", ["", "\n \n"])
def test_something_is_told_when_there_is_no_text(failure: str) -> None:
    assert cause_and_remedy(failure, "")[0] == "no reason was given"
