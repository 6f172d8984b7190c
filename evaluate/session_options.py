"""What a session is to be; needs neither ONNX Runtime nor torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from artifacts.choices import MODEL_TIMEOUT_SECONDS
from errors import UsageError

GPU_PROVIDERS = ("cuda", "tensorrt")
OPENVINO = "openvino"
DEVICE_TYPE = "device_type"  # its option that chooses the device: CPU, GPU or NPU
_OPENVINO_DEFAULTS = {
    DEVICE_TYPE: "CPU",
    "INFERENCE_PRECISION_HINT": "f32",  # else it takes bfloat16 where the CPU has it
}


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """What a session is to be.

    Attributes:
        provider: short name.
        provider_options: as ONNX Runtime names them; of OpenVINO, DEVICE_TYPE, and properties of
            the device, as OpenVINO names them.
        threads: of the intra-op pool; None: as many as this process may use.
        allow_cpu_nodes: let nodes that the provider cannot run go to the CPU.
        tf32: let a GPU compute float32 in TF32; PyTorch's side is told the same.
        optimize: rewrite the graph before it runs.
        busy_wait: let threads wait for the next call at full speed for a while
            (evaluate.idle_threads), which makes it quicker where nothing else needs the CPUs;
            those of OpenVINO sleep either way.
        timeout_seconds: longest that one run may last; of a file that is tried first
            (evaluate.foreign) also all that is done to try it.
    """

    provider: str = "cpu"
    provider_options: Mapping[str, str] = field(default_factory=dict)
    threads: int | None = None
    allow_cpu_nodes: bool = False
    tf32: bool = False
    optimize: bool = True
    busy_wait: bool = True
    timeout_seconds: float = MODEL_TIMEOUT_SECONDS

    def __post_init__(self) -> None:
        if self.tf32 and self.provider not in GPU_PROVIDERS:
            raise UsageError("--tf32", f"wants one of {', '.join(GPU_PROVIDERS)}")
        asked = self.provider_options.get("use_tf32")
        if asked is not None and (asked.lower() in ("1", "true")) != self.tf32:
            raise UsageError(
                "--provider-option use_tf32", "PyTorch's side must do the same: use --tf32 instead"
            )
        if self.provider == OPENVINO and "INFERENCE_NUM_THREADS" in self.provider_options:
            raise UsageError(
                "--provider-option INFERENCE_NUM_THREADS",
                "PyTorch's side must have as many: use --threads instead",
            )

    @property
    def all_provider_options(self) -> dict[str, str]:
        """Those that were given, and those that make both sides compute alike."""
        ours: Mapping[str, str] = {}
        if self.provider == "cuda":
            ours = {"use_tf32": str(int(self.tf32))}
        elif self.provider == OPENVINO:
            ours = _OPENVINO_DEFAULTS
        return {**ours, **self.provider_options}

    @property
    def computes_on_cpu(self) -> bool:
        """Whether it computes on the CPU, as far as that is known before it is tried."""
        if self.provider == OPENVINO:
            return self.all_provider_options[DEVICE_TYPE] == "CPU"
        return self.provider == "cpu"
