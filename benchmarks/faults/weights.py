"""Files of weights and records, given to the libraries that usually open them."""

from benchmarks.faults.fault import Fault

WEIGHTS_FAULTS: tuple[Fault, ...] = ()
