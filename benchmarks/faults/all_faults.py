"""Every fault, in the order of the page."""

from benchmarks.faults.data import DATA_FAULTS
from benchmarks.faults.disk import DISK_FAULTS
from benchmarks.faults.fault import Fault
from benchmarks.faults.onnx import ONNX_FAULTS
from benchmarks.faults.server import SERVER_FAULTS
from benchmarks.faults.weights import WEIGHTS_FAULTS

FAULTS: tuple[Fault, ...] = (
    *DATA_FAULTS,
    *WEIGHTS_FAULTS,
    *ONNX_FAULTS,
    *DISK_FAULTS,
    *SERVER_FAULTS,
)
