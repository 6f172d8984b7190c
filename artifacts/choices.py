"""The words that options and records share, each written once. Light enough for `--help`."""

from typing import Literal, get_args

RecipeName = Literal["best", "assignment"]
Optimizer = Literal["adam", "adamw", "sgd"]
Schedule = Literal["constant", "one-cycle"]
Loss = Literal["cross-entropy", "mse"]
TrainingPrecision = Literal["float32", "bfloat16"]  # of the arithmetic; weights stay float32
# Of an exported variant: int8 has calibrated ranges, int8-dynamic takes those of each batch.
Precision = Literal["float32", "fp16", "bf16", "int8", "int8-dynamic"]
GraphPrecision = Precision | Literal["float64"]  # of any ONNX file's arithmetic
# How the range of a value follows from what was seen; auto takes what is nearest to float32.
RangeMethod = Literal["minmax", "entropy", "percentile"]
CalibrationMethod = RangeMethod | Literal["auto"]
ActivationType = Literal["uint8", "int8"]  # of quantized activations
Layout = Literal["nchw", "nhwc"]
ReferenceSource = Literal["recorded", "live", "onnx"]
Scenario = Literal["single-stream", "offline", "server"]  # as MLPerf Inference names them
Sampler = Literal["grid", "random", "tpe"]  # who proposes the next trial of a search
Pruner = Literal["median", "halving", "none"]  # who ends a trial that promises nothing
InputDtype = Literal["uint8", "int32", "int64", "float16", "float32", "float64"]
# What `compare` can show of each evaluation.
ComparedColumn = Literal[
    "run",
    "network",
    "dataset",
    "precision",
    "provider",
    "accuracy",
    "lost",
    "flips",
    "difference",
    "p50",
    "rate",
    "float32",
    "pytorch",
    "size",
    "parameters",
    "calibration",
    "verdict",
    "dominated",
    "cpu",
    "threads",
]

RECIPES: tuple[RecipeName, ...] = get_args(RecipeName)
OPTIMIZERS: tuple[Optimizer, ...] = get_args(Optimizer)
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
LOSSES: tuple[Loss, ...] = get_args(Loss)
TRAINING_PRECISIONS: tuple[TrainingPrecision, ...] = get_args(TrainingPrecision)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
CALIBRATION_METHODS: tuple[CalibrationMethod, ...] = ("auto", *get_args(RangeMethod))
ACTIVATION_TYPES: tuple[ActivationType, ...] = get_args(ActivationType)
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)
PRUNERS: tuple[Pruner, ...] = get_args(Pruner)
COMPARED_COLUMNS: tuple[ComparedColumn, ...] = get_args(ComparedColumn)
INPUT_DTYPES: tuple[InputDtype, ...] = get_args(InputDtype)

# Ten times what ResNet-101 takes for 32 images of 224x224 on two slow CPUs.
MODEL_TIMEOUT_SECONDS = 300.0

# Of ONNX: torch's exporter has operators from 18 on, ONNX Runtime 1.31 knows up to 25.
OPSETS = (18, 25)
DEFAULT_OPSET = 20
BF16_OPSET = 22  # the first whose Conv and MaxPool take bfloat16

MOST_TRIALS = 10_000  # of a search

# Points of accuracy that a reduced precision may cost: on the validation split when it is made,
# on the test split when it is proved.
MAX_ACCURACY_DROP = 0.5
CALIBRATION_IMAGES = 512
