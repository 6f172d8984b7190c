"""Every fault, in the order of the page."""

from benchmarks.faults.data import DATA_FAULTS
from benchmarks.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (*DATA_FAULTS,)
