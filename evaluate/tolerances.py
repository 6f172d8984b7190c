"""The tolerances that parity is held to: one for each provider and precision, with its reason."""

from dataclasses import replace

from artifacts.choices import GraphPrecision
from artifacts.logits import Tolerance
from evaluate.session_options import OPENVINO

# Both sides compute the same float32 operations and sum them in another order. Worst seen so far:
# 2.3e-5 (ResNet-18, digits), 7.6e-6 (MLP, svhn-gray), 4.8e-6 (LeNet-5, svhn-gray). Four times the
# worst is left for deeper networks and other CPUs.
CPU_FLOAT32 = Tolerance(name="cpu-float32", atol=1e-4, rtol=1e-5)

# OpenVINO's CPU device, told to compute in float32: other kernels, as near as ONNX Runtime's own.
# Worst seen: 2.7e-5 (ResNet-18, digits), 6.7e-6 (MLP, MNIST), 1.9e-6 (LeNet-5, digits); 2e-5 of
# torchvision's and timm's with random weights. bfloat16, which it takes by itself where the CPU has
# it, is 1.9e-2 (LeNet-5) to 9.7e-2 (ResNet-50) off and fails.
OPENVINO_FLOAT32 = Tolerance(name="openvino-float32", atol=1e-4, rtol=1e-5)

# The same with TF32 off on both sides. No measurement stands behind these two numbers yet: other
# algorithms for convolutions (Winograd, FFT) lose about one more digit.
GPU_FLOAT32 = Tolerance(name="gpu-float32", atol=1e-3, rtol=1e-4)


# TF32 rounds what is multiplied to 10 bits of mantissa (NVIDIA A100 whitepaper, 2020), on both
# sides but not at the same places: 2^-11 for each factor, some ten times that after many layers.
# No measurement stands behind these two numbers yet.
GPU_TF32 = Tolerance(name="gpu-tf32", atol=5e-2, rtol=5e-3)

# float16 has the mantissa of TF32. The CPU provider computes it in float32 between casts: what is
# off there is rounding of weights and of some values. Worst seen: 6.8e-3 (ResNet-50, svhn-gray).
CPU_FLOAT16 = Tolerance(name="cpu-float16", atol=5e-2, rtol=5e-3)

# So does OpenVINO in float32, as it is told to. Worst seen: 1.6e-2 (ResNet-18, digits).
OPENVINO_FLOAT16 = Tolerance(name="openvino-float16", atol=5e-2, rtol=5e-3)

# No measurement stands behind those of the GPU yet; bfloat16 has three bits less than float16.
GPU_FLOAT16 = Tolerance(name="gpu-float16", atol=5e-2, rtol=5e-3)
GPU_BFLOAT16 = Tolerance(name="gpu-bfloat16", atol=4e-1, rtol=4e-2)
# Worst seen: 0.11 (ResNet-18, digits), 4.9e-2 (LeNet-5, digits).
OPENVINO_BFLOAT16 = Tolerance(name="openvino-bfloat16", atol=4e-1, rtol=4e-2)

# Eight bits for each activation and weight, rounded in every layer; and what lies beyond a
# calibrated range is cut off, for rare values of other images by as much as you like. So a
# hundredth of the logits may be outside, and what that costs is judged by counted answers.
# Worst seen: 3.7 (ResNet-50, svhn-gray), 2.2 (LeNet-5, svhn-gray); means of 0.01 to 0.04.
CPU_INT8 = Tolerance(name="cpu-int8", atol=1.0, rtol=1e-1, outside_share=0.01)
# Worst seen: 0.37 (MLP, MNIST), 0.24 (ResNet-18, digits), where the CPU provider has 0.37, 0.27.
OPENVINO_INT8 = Tolerance(name="openvino-int8", atol=1.0, rtol=1e-1, outside_share=0.01)
GPU_INT8 = Tolerance(name="gpu-int8", atol=1.0, rtol=1e-1, outside_share=0.01)  # not measured yet

# Nothing is cut off where the range is that of each batch. Worst seen: 0.18 (LeNet-5, svhn-gray).
CPU_INT8_DYNAMIC = Tolerance(name="cpu-int8-dynamic", atol=1.0, rtol=1e-1)
# Worst seen: 0.06 (MLP, MNIST), the same as the CPU provider's.
OPENVINO_INT8_DYNAMIC = Tolerance(name="openvino-int8-dynamic", atol=1.0, rtol=1e-1)
GPU_INT8_DYNAMIC = Tolerance(name="gpu-int8-dynamic", atol=1.0, rtol=1e-1)  # not measured yet

_ON_GPU: dict[GraphPrecision, Tolerance] = {
    "float32": GPU_FLOAT32,
    "fp16": GPU_FLOAT16,
    "bf16": GPU_BFLOAT16,
    "int8": GPU_INT8,
    "int8-dynamic": GPU_INT8_DYNAMIC,
}
# The CPU provider has no bfloat16 yet.
_BY_PROVIDER: dict[str, dict[GraphPrecision, Tolerance]] = {
    "cpu": {
        "float32": CPU_FLOAT32,
        "fp16": CPU_FLOAT16,
        "bf16": replace(GPU_BFLOAT16, name="cpu-bfloat16"),
        "int8": CPU_INT8,
        "int8-dynamic": CPU_INT8_DYNAMIC,
    },
    OPENVINO: {
        "float32": OPENVINO_FLOAT32,
        "fp16": OPENVINO_FLOAT16,
        "bf16": OPENVINO_BFLOAT16,
        "int8": OPENVINO_INT8,
        "int8-dynamic": OPENVINO_INT8_DYNAMIC,
    },
}


def tolerance_for(
    provider: str,
    precision: GraphPrecision,
    *,
    tf32: bool = False,
    atol: float | None = None,
    rtol: float | None = None,
) -> Tolerance:
    """Return the tolerance of a provider and precision, changed where the user says so.

    A changed one is named as such, so that no record passes the user's numbers off as ours.
    """
    named = _BY_PROVIDER.get(provider, _ON_GPU)
    tolerance = named.get(precision, named["float32"])  # float64 is held to it too
    if tolerance is GPU_FLOAT32 and tf32:
        tolerance = GPU_TF32
    if atol is None and rtol is None:
        return tolerance
    return replace(
        tolerance,
        name=f"{tolerance.name}, as given",
        atol=tolerance.atol if atol is None else atol,
        rtol=tolerance.rtol if rtol is None else rtol,
    )
