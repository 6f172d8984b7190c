"""Waiting until the threads of the side that ran last are asleep and leave the CPUs to the other.

ONNX Runtime's threads wait for work at full speed for a while after a call (35 ms, version 1.31.1,
measured as the CPU time of a sleeping process), and so do OpenMP's of PyTorch.
"""

import time

LOOK_EVERY_SECONDS = 0.005
IDLE_SHARE = 0.1  # of one CPU: what is less is not waiting for work
LONGEST_SECONDS = 0.5


def wait_for_idle_threads() -> None:
    """Return when this process takes no more CPU time while it sleeps, or after half a second."""
    end = time.perf_counter() + LONGEST_SECONDS
    while time.perf_counter() < end:
        before = time.process_time()
        time.sleep(LOOK_EVERY_SECONDS)
        if time.process_time() - before < IDLE_SHARE * LOOK_EVERY_SECONDS:
            return
