"""Where the threads of ONNX Runtime's pool stay.

ONNX Runtime gives each thread of its pool a CPU of its own when it chooses their number, and none
when it is told a number; then the system moves them. What that is worth: ARCHITECTURE.md.
"""

import os

from artifacts.environment import usable_cpus


def affinities_of_workers(threads: int) -> str | None:
    """Return ONNX Runtime's `session.intra_op_thread_affinities`; None leaves it to the system.

    There is an entry for each thread but the caller's own. CPUs count from 1. Where there are fewer
    threads than CPUs, or a quota limits them, staying would only keep them from a CPU that is free.

    Args:
        threads: of the pool, the caller's own included.
    """
    if not hasattr(os, "sched_getaffinity"):  # no Linux
        return None
    cpus = sorted(os.sched_getaffinity(0))
    if threads < 2 or threads != len(cpus) or usable_cpus() != len(cpus):
        return None
    return ";".join(str(cpu + 1) for cpu in cpus[1:])
