"""What every way to reduce the precision gives, and what it is told of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import onnx

from artifacts.logits import Images
from artifacts.variant_records import CalibrationSet, HalfPrecision, Quantization
from data.calibration import TrainingPart

OnStep = Callable[[str, int, int], None]  # what is going on, done, in all; 0: that is not known


@dataclass(frozen=True, kw_only=True)
class Reduced:
    """A graph of reduced precision, and how it came to be: one of the two records."""

    model: onnx.ModelProto
    half_precision: HalfPrecision | None = None
    quantization: Quantization | None = None


def calibration_set(part: TrainingPart, seed: int) -> CalibrationSet:
    """Return the record of the images that a graph was calibrated on."""
    return CalibrationSet(images=len(part), sha256=part.sha256(), seed=seed)


def counted_batches(part: TrainingPart, size: int, on_step: OnStep) -> Iterator[Images]:
    """Yield the images in batches, telling how far the calibration is."""
    for number, batch in enumerate(part.batches(size)):
        on_step("calibration", number * size, len(part))
        yield batch
    on_step("calibration", len(part), len(part))
