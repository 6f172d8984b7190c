"""Records of an evaluation in which everything passes, for tests to change one thing of."""

from artifacts.accuracy_records import AccuracyRecord, ClassAccuracy
from artifacts.environment import current_environment
from artifacts.evaluation_records import (
    BatchIndependence,
    EvaluatedDataset,
    EvaluatedModel,
    Evaluation,
    GraphInput,
    GraphOutput,
    ProviderProof,
)
from artifacts.latency_records import LatencyRecord, MachineState
from artifacts.parity_records import ParityRecord
from artifacts.statistics import wilson_interval

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"


def accuracy_of(correct: int, examples: int = 1000) -> AccuracyRecord:
    return AccuracyRecord(
        top1=correct / examples,
        correct=correct,
        examples=examples,
        ci95=wilson_interval(correct, examples),
        per_class=(
            ClassAccuracy(label="a", correct=correct, examples=examples),
            ClassAccuracy(label="b", correct=0, examples=0),
        ),
        confusion=((correct, examples - correct), (0, 0)),
        expected_calibration_error=0.01,
        constant_output=False,
    )


PARITY = ParityRecord(
    reference="recorded",
    examples=1000,
    tolerance="cpu-float32",
    atol=1e-4,
    rtol=1e-4,
    max_abs=1e-6,
    max_rel=1e-5,
    mean_abs=1e-7,
    p99_abs=9e-7,
    min_cosine=1.0,
    within_tolerance=True,
    elements_outside=0,
    nonfinite=0,
    constant_output=False,
    worst_index=0,
    flips=0,
    explained_flips=0,
    unexplained_flips=0,
    flipped=(),
    float64=None,
    mcnemar_p=1.0,
    pytorch_accuracy=accuracy_of(990),
    live=None,
)
LATENCY = LatencyRecord(
    samples=64,
    seconds=0.128,
    p50_ms=2.0,
    p50_ci95_ms=None,
    p90_ms=2.1,
    p95_ms=None,
    p99_ms=None,
    mean_ms=2.0,
    cv=0.01,
    images_per_second=500.0,
    first_run_ms=9.0,
    stable=True,
    batch_size=1,
    boundary="host",
    outputs_verified=True,
    threads=2,
    cuda_graph=False,
    pytorch=None,
    speedup=None,
    speedup_ci95=None,
)
PROOF = ProviderProof(
    requested="cuda",
    session=(CUDA, CPU),
    nodes={CUDA: 16},
    copies=0,
    options={"use_tf32": "0"},
    cpu_nodes_allowed=False,
    tf32=False,
)
EVALUATION = Evaluation(
    verdict="pass",
    failures=(),
    model=EvaluatedModel(
        onnx_sha256="1" * 64,
        precision="float32",
        checkpoint_sha256="2" * 64,
        opset=20,
        name="mlp",
        parameters=12,
    ),
    dataset=EvaluatedDataset(
        name="some", split="test", examples=1000, sha256="3" * 64, split_sha256="4" * 64
    ),
    provider=PROOF,
    input=GraphInput(
        name="images", dtype="uint8", layout="nchw", batch=None, scale=1.0, mean=(0.0,), std=(1.0,)
    ),
    output=GraphOutput(name="logits", probabilities=False),
    accuracy=accuracy_of(990),
    parity=PARITY,
    batch_independence=BatchIndependence(examples=16, max_abs=0.0, within_tolerance=True),
    explanation=None,
    scenario="single-stream",
    latency=(LATENCY,),
    offline=None,
    server=None,
    load_ms=1.5,
    baseline=None,
    reference_sha256="5" * 64,
    machine=MachineState(
        load_average=0.1,
        cpu_mhz=None,
        throttled_periods=None,
        thermal_throttles=None,
        stolen_seconds=None,
        involuntary_switches=3,
        peak_rss_bytes=10**8,
        gpu=None,
    ),
    environment=current_environment(),
    command="python cli.py evaluate",
)
