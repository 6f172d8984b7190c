"""The words that options and records share, each written once. Light enough for `--help`."""

from typing import Literal, get_args

RecipeName = Literal["best", "assignment"]
Optimizer = Literal["adam", "adamw", "sgd"]
Schedule = Literal["constant", "one-cycle"]
Loss = Literal["cross-entropy", "mse"]
TrainingPrecision = Literal["float32", "bfloat16"]  # of the arithmetic; weights stay float32
Precision = Literal["float32"]  # of an exported variant

RECIPES: tuple[RecipeName, ...] = get_args(RecipeName)
OPTIMIZERS: tuple[Optimizer, ...] = get_args(Optimizer)
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
LOSSES: tuple[Loss, ...] = get_args(Loss)
TRAINING_PRECISIONS: tuple[TrainingPrecision, ...] = get_args(TrainingPrecision)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

# Of ONNX: torch's exporter has operators from 18 on, ONNX Runtime 1.31 knows up to 25.
OPSETS = (18, 25)
DEFAULT_OPSET = 20
