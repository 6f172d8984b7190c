"""From what ONNX Runtime prints to what is missing on this machine, and what to install."""

import re

_MISSING_LIBRARY = re.compile(r"with error: ([\w.+-]+\.(?:so[.\d]*|dll|dylib))")
_CUDA_FAILURE = re.compile(r"CUDA failure \d+: ([^;\n]+)")
_REQUIREMENT = re.compile(r"Require (cuDNN [\w.*]+ and CUDA [\w.*]+)\.?")
_DRIVER = "install the driver of your GPU; a machine without a GPU has only the CPU"
_CUDA = "pip install torch brings it; else install the CUDA toolkit"
_TENSORRT = "pip install tensorrt, in the version that ONNX Runtime was built for"
# The start of a library's name, what it belongs to, and how one gets it; the first match counts.
_LIBRARIES = (
    ("libcuda.", "the NVIDIA driver", _DRIVER),
    ("nvcuda.", "the NVIDIA driver", _DRIVER),
    ("libnvinfer", "TensorRT", _TENSORRT),
    ("libnvonnxparser", "TensorRT", _TENSORRT),
    ("libcudnn", "cuDNN", "pip install torch brings it; else install cuDNN 9"),
    ("libcu", "the CUDA runtime", _CUDA),
    ("libnv", "the CUDA runtime", _CUDA),
)


def cause_and_remedy(failure: str, printed: str) -> tuple[str, str]:
    """Return what is missing, in one line, and what to do about it.

    Args:
        failure: the exception's text.
        printed: what ONNX Runtime wrote while it tried.
    """
    text = f"{printed}\n{failure}"
    requirement = _REQUIREMENT.search(text)
    needs = f" (ONNX Runtime wants {requirement.group(1).rstrip('.')})" if requirement else ""
    if missing := _MISSING_LIBRARY.search(text):
        library = missing.group(1)
        for start, part, remedy in _LIBRARIES:
            if library.startswith(start):
                return f"{library} of {part} did not load{needs}", remedy
        return f"{library} did not load{needs}", "install the package that it belongs to"
    if cuda := _CUDA_FAILURE.search(text):
        return f"CUDA says {cuda.group(1).strip()!r}{needs}", "nvidia-smi shows GPU and driver"
    lines = [line for line in failure.strip().splitlines() if line]
    first = lines[0] if lines else "no reason was given"
    return f"{first}{needs}", "python cli.py doctor tries every provider"
