"""What the command hands to `export` so that it can run graphs without importing ONNX Runtime."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from artifacts.chain import ExportedNetwork
from artifacts.choices import Precision
from artifacts.logits import Images, LogitsFunction, Tolerance

Values = Mapping[str, NDArray[Any]]  # outputs of a graph, by name


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Runs ONNX graphs on one execution provider.

    Attributes:
        provider: its short name.
        open_logits: loads a file and returns what computes its logits.
        open_values: loads a serialized model, whose weights are inside, and returns what computes
            all of its outputs.
        require_tried: tries a run's graph that may be a stranger's on some of these images, and
            raises UnfinishedError where it crashes, hangs or takes too much.
        tolerance_for: what logits of a precision are held to on this provider.
    """

    provider: str
    open_logits: Callable[[Path], LogitsFunction]
    open_values: Callable[[bytes], Callable[[Images], Values]]
    require_tried: Callable[[ExportedNetwork, Images], None]
    tolerance_for: Callable[[Precision], Tolerance]
