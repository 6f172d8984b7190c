"""Hostile clients, sent to bare servers."""

from benchmarks.faults.fault import Fault

SERVER_FAULTS: tuple[Fault, ...] = ()
