"""Every fault, in the order of the page."""

from benchmarks.faults.fault import Fault

FAULTS: tuple[Fault, ...] = ()
