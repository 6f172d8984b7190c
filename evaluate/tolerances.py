"""The tolerances that parity is held to: one for each provider and precision, with its reason."""

from dataclasses import replace

from artifacts.choices import Precision
from artifacts.logits import Tolerance

# Both sides compute the same float32 operations and sum them in another order. Worst seen so far:
# 2.3e-5 (ResNet-18, digits), 3.7e-6 (MLP, MNIST), 4.8e-6 (LeNet-5, svhn-gray). Four times the
# worst is left for deeper networks and other CPUs.
CPU_FLOAT32 = Tolerance(name="cpu-float32", atol=1e-4, rtol=1e-5)

# The same with TF32 off on both sides. No measurement stands behind these two numbers yet: other
# algorithms for convolutions (Winograd, FFT) lose about one more digit.
GPU_FLOAT32 = Tolerance(name="gpu-float32", atol=1e-3, rtol=1e-4)


def tolerance_for(
    provider: str,
    precision: Precision,
    *,
    atol: float | None = None,
    rtol: float | None = None,
) -> Tolerance:
    """Return the tolerance of a provider and precision, changed where the user says so.

    A changed one is named as such, so that no record passes the user's numbers off as ours.
    """
    tolerances = {"float32": CPU_FLOAT32 if provider == "cpu" else GPU_FLOAT32}
    tolerance = tolerances[precision]
    if atol is None and rtol is None:
        return tolerance
    return replace(
        tolerance,
        name=f"{tolerance.name}, as given",
        atol=tolerance.atol if atol is None else atol,
        rtol=tolerance.rtol if rtol is None else rtol,
    )
