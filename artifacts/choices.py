"""The words that options and records share, each written once. Light enough for `--help`."""

from typing import Literal, get_args

RecipeName = Literal["best", "assignment"]
Optimizer = Literal["adam", "adamw", "sgd"]
Schedule = Literal["constant", "one-cycle"]
Loss = Literal["cross-entropy", "mse"]
TrainingPrecision = Literal["float32", "bfloat16"]  # of the arithmetic; weights stay float32
Precision = Literal["float32"]  # of an exported variant
GraphPrecision = Literal[
    "float32", "float64", "fp16", "bf16", "int8"
]  # of any ONNX file's arithmetic
Layout = Literal["nchw", "nhwc"]
ReferenceSource = Literal["recorded", "live", "onnx"]
Scenario = Literal["single-stream", "offline", "server"]  # as MLPerf Inference names them
InputDtype = Literal["uint8", "int32", "int64", "float16", "float32", "float64"]

RECIPES: tuple[RecipeName, ...] = get_args(RecipeName)
OPTIMIZERS: tuple[Optimizer, ...] = get_args(Optimizer)
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
LOSSES: tuple[Loss, ...] = get_args(Loss)
TRAINING_PRECISIONS: tuple[TrainingPrecision, ...] = get_args(TrainingPrecision)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)
INPUT_DTYPES: tuple[InputDtype, ...] = get_args(InputDtype)

# Of ONNX: torch's exporter has operators from 18 on, ONNX Runtime 1.31 knows up to 25.
OPSETS = (18, 25)
DEFAULT_OPSET = 20
