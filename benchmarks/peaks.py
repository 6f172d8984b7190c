"""This machine's best at a large product of matrices and at a large copy, by several hands.

Each is measured again and again through a whole measurement, since a machine that others share is
faster at one time than at another: the best of all rounds is the limit, and the spread is told.
"""

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from artifacts.limit_records import CopyRate, MachineLimit
from evaluate.idle_threads import wait_for_idle_threads
from evaluate.limit import fastest_seconds, measured_limit
from evaluate.session_options import SessionOptions

SIZES = (512, 1024, 2048)  # rows of the matrices; the best counts
COPIED_BYTES = 1 << 26
SECONDS_EACH = 0.1
ONNX_RUNTIME = "ONNX Runtime"
PRODUCT, COPY = "product, GFLOP/s", "copy past the caches, GB/s"


class Peaks:
    """The rates of all rounds so far, by what was measured and by whom."""

    def __init__(self) -> None:
        self.rates: dict[str, dict[str, list[float]]] = {PRODUCT: {}, COPY: {}}
        self._onnx: list[MachineLimit] = []

    def measure(self) -> None:
        """Measure each once more."""
        onnx = measured_limit(SessionOptions())
        wait_for_idle_threads()
        gflops = max(_torch_product_gflops(size) for size in SIZES)
        copies = {
            name: 2 * COPIED_BYTES / fastest_seconds(copy, SECONDS_EACH) / 1e9
            for name, copy in _copies().items()
        }
        self.add(onnx, products={"torch": gflops}, copies=copies)

    def add(
        self, onnx: MachineLimit, *, products: Mapping[str, float], copies: Mapping[str, float]
    ) -> None:
        """Add a round: what ONNX Runtime reached, and others by their names."""
        self._onnx.append(onnx)
        ours = {PRODUCT: onnx.peak_gflops, COPY: onnx.memory.gb_per_second}
        for what, others in ((PRODUCT, products), (COPY, copies)):
            for name, rate in {ONNX_RUNTIME: ours[what], **others}.items():
                self.rates[what].setdefault(name, []).append(rate)

    def limit(self) -> MachineLimit:
        """Return the best of all rounds and hands; only ONNX Runtime copies within the caches."""
        past_caches = max(rate for rates in self.rates[COPY].values() for rate in rates)
        copies = [
            CopyRate(
                moved_bytes=same_size[0].moved_bytes,
                gb_per_second=max(copy.gb_per_second for copy in same_size),
            )
            for same_size in zip(*(one.copies for one in self._onnx), strict=True)
        ]
        largest = copies[-1].model_copy(update={"gb_per_second": past_caches})
        return self._onnx[0].model_copy(
            update={
                "peak_gflops": max(r for rates in self.rates[PRODUCT].values() for r in rates),
                "copies": (*copies[:-1], largest),
            }
        )

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return median, least and most of each rate."""
        return {
            what: {
                name: {
                    "median": round(statistics.median(rates), 2),
                    "min": round(min(rates), 2),
                    "max": round(max(rates), 2),
                    "rounds": [round(rate, 2) for rate in rates],
                }
                for name, rates in by_name.items()
            }
            for what, by_name in self.rates.items()
        }


def _torch_product_gflops(size: int) -> float:
    a, b = torch.rand(size, size), torch.rand(size, size)
    out = torch.empty(size, size)
    return 2 * size**3 / fastest_seconds(lambda: torch.mm(a, b, out=out), SECONDS_EACH) / 1e9


def _copies() -> Mapping[str, Callable[[], object]]:
    source = np.ones(COPIED_BYTES // 4, np.float32)
    target = np.zeros_like(source)
    tensors = torch.from_numpy(source), torch.from_numpy(target)
    return {
        "numpy": lambda: np.copyto(target, source),
        "torch": lambda: tensors[1].copy_(tensors[0]),
    }
