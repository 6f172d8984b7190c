"""Processes that are killed and disks that are full, with bare calls."""

from benchmarks.faults.fault import Fault

DISK_FAULTS: tuple[Fault, ...] = ()
