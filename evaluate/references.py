"""What ONNX Runtime's logits are compared with: recorded, computed now, or another ONNX file's.

Each is a small description that can be sent to another process, and is opened where it is used.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from artifacts.choices import ReferenceSource
from artifacts.evaluation_records import GraphInput, GraphOutput
from artifacts.logits import Images, Logits, LogitsFunction, load_reference
from data.pages import ReadPages
from evaluate.graph_input import logits_function
from evaluate.onnx_runtime import OnnxRunner
from evaluate.session_options import SessionOptions


@dataclass(frozen=True, kw_only=True, eq=False)
class ReferenceSlice:
    """The reference's logits of some examples.

    Attributes:
        float32_NK: what ONNX Runtime is compared with.
        float64_NK: the same network in float64, where there is one.
        recorded_NK: what was recorded, where `float32_NK` was computed now.
    """

    float32_NK: Logits
    float64_NK: NDArray[np.float64] | None = None
    recorded_NK: Logits | None = None


# Takes images and the index of the first, which is what a recorded reference goes by.
ReferenceReader = Callable[[Images, int], ReferenceSlice]


class Reference(Protocol):
    """Where the other side's logits come from."""

    @property
    def source(self) -> ReferenceSource:
        """Its name in the record."""
        ...

    def open(self, batch_size: int) -> ReferenceReader:
        """Return what gives the logits of a slice; what computes them takes such batches."""
        ...


@dataclass(frozen=True, kw_only=True)
class RecordedReference:
    """PyTorch's logits as `export` left them; needs no torch."""

    path: Path
    source: ReferenceSource = "recorded"

    def open(self, batch_size: int) -> ReferenceReader:
        """Return what reads them from the memory map.

        Raises:
            ArtifactError: the file is damaged.
        """
        recorded = load_reference(self.path)
        pages = ReadPages(recorded.float32_NK, recorded.float64_NK)

        def read(images: Images, start: int) -> ReferenceSlice:
            part = slice(start, start + len(images))
            float32_NK, float64_NK = recorded.float32_NK[part], recorded.float64_NK[part]
            pages.note(float32_NK, float64_NK)
            return ReferenceSlice(float32_NK=float32_NK, float64_NK=float64_NK)

        return read


@dataclass(frozen=True, kw_only=True)
class LiveReference:
    """PyTorch's logits of now, beside the recorded ones that they must agree with.

    Attributes:
        recorded: the reference that `export` left.
        pytorch: makes the function that computes logits now.
    """

    recorded: RecordedReference
    pytorch: Callable[[], LogitsFunction]
    source: ReferenceSource = "live"

    def open(self, batch_size: int) -> ReferenceReader:
        """Return what computes them.

        Raises:
            ArtifactError: the recorded reference, or the weights, are damaged.
            UnusableError: PyTorch cannot use the device here.
        """
        compute, read_recorded = self.pytorch(), self.recorded.open(batch_size)

        def read(images: Images, start: int) -> ReferenceSlice:
            recorded = read_recorded(images, start)
            return ReferenceSlice(
                float32_NK=in_batches(compute, images, batch_size),
                float64_NK=recorded.float64_NK,
                recorded_NK=recorded.float32_NK,
            )

        return read


@dataclass(frozen=True, kw_only=True)
class OnnxReference:
    """Another ONNX file; its session runs it as it is written, on the CPU, no optimization."""

    path: Path
    form: GraphInput
    output: GraphOutput
    session: SessionOptions
    source: ReferenceSource = "onnx"

    def open(self, batch_size: int) -> ReferenceReader:
        """Return what computes them.

        Raises:
            UnfinishedError: ONNX Runtime cannot load the file.
        """
        runner = OnnxRunner(self.path, self.session)
        compute = logits_function(runner, self.form, self.output)

        def read(images: Images, start: int) -> ReferenceSlice:
            return ReferenceSlice(float32_NK=in_batches(compute, images, batch_size))

        return read


def in_batches(compute: LogitsFunction, images: Images, batch_size: int) -> Logits:
    """Return logits_NK of all images, computed batch by batch, the short last one included."""
    parts = [
        compute(images[start : start + batch_size]) for start in range(0, len(images), batch_size)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
