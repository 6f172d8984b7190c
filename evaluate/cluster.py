"""The same pass on Ray's workers: a session each, slices of the memory-mapped data, sums back.

The sums of a slice do not depend on who computes them and are added in the order of the slices, so
the result is the one of a single process. A worker that dies is started again by Ray, and its slice
with it. Workers on other machines open the files by their paths: those must be the same there.
"""

import contextlib
import io
import logging
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifacts.logits import Images
from data.pages import ReadPages
from errors import UnfinishedError
from evaluate.passes import OnStep, PassPlan, PassSums, SliceComputer, slices
from evaluate.ray_connection import ClusterOptions, connected_ray
from evaluate.session_options import GPU_PROVIDERS

RESTARTS = 3  # of a worker; one that dies more often dies of its work
SLICES_AHEAD = 2  # in each worker's queue, so that none waits for the driver
log = logging.getLogger("onnxproof")


@dataclass(frozen=True, kw_only=True)
class MappedArray:
    """A memory map as another process can open it."""

    path: str
    offset: int
    shape: tuple[int, ...]
    dtype: str

    def open(self) -> NDArray[Any]:
        """Return the map, read-only.

        Raises:
            OSError: the file is not there.
            ValueError: it is shorter than it was.
        """
        return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)


class SliceWorker:
    """What runs in a worker: one session and the data."""

    def __init__(
        self,
        plan: PassPlan,
        images: MappedArray | Images,
        labels_N: MappedArray | NDArray[np.int64],
    ) -> None:
        self._computer = SliceComputer(plan)
        self._images: Images = _opened(images)
        self._labels_N: NDArray[np.int64] = _opened(labels_N)
        self._pages = ReadPages(self._images)

    def sums(self, start: int, stop: int) -> PassSums:
        """Return the sums of one slice."""
        images = self._images[start:stop]
        sums = self._computer.sums(images, self._labels_N[start:stop], start)
        self._pages.note(images)
        return sums


def cluster_pass(
    plan: PassPlan,
    images: Images,
    labels_N: NDArray[np.int64],
    options: ClusterOptions,
    on_step: OnStep,
) -> PassSums:
    """Return the sums over all examples, computed by Ray's workers.

    Raises:
        UnusableError: Ray is not installed, or the cluster cannot be reached.
        UnfinishedError: a worker cannot be started, or died again and again.
    """
    with connected_ray(options) as ray:
        workers = _started(ray, plan, images, labels_N, options)
        begin = time.perf_counter()
        told = io.StringIO()  # Ray tells of dead workers on standard output, which is ours
        try:
            with contextlib.redirect_stdout(told):
                total = _gathered(ray, workers, len(images), on_step)
        except ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, Exception) else error from error
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[0]
            raise UnfinishedError("--ray", f"a worker could not go on: {reason}") from error
    seconds = time.perf_counter() - begin
    if deaths := told.getvalue().count("worker died or was killed"):
        log.warning("%d of Ray's workers died; its slices were computed again", deaths)
    log.info(
        "%s examples by %d workers in %.1f s: %s images/s",
        f"{len(images):,}",
        len(workers),
        seconds,
        f"{len(images) / seconds:,.0f}",
    )
    return total


def _gathered(ray: Any, workers: list[Any], examples: int, on_step: OnStep) -> PassSums:
    """Hand out slices as workers get free; add their sums in the order of the slices."""
    waiting = slices(examples)
    running: dict[Any, tuple[int, int, Any]] = {}  # by Ray's reference: bounds and worker
    finished: dict[int, tuple[int, PassSums]] = {}  # by start: end and sums
    total: PassSums | None = None
    done = next_start = 0

    def hand_out(worker: Any) -> None:
        if bounds := next(waiting, None):
            running[worker.sums.remote(*bounds)] = (*bounds, worker)

    for worker in workers * SLICES_AHEAD:
        hand_out(worker)
    while running:
        (ready,), _ = ray.wait(list(running), num_returns=1)
        start, stop, worker = running.pop(ready)
        finished[start] = (stop, ray.get(ready))
        hand_out(worker)
        done += stop - start
        on_step("accuracy and parity, by Ray", done, examples)
        while next_start in finished:
            next_start, sums = finished.pop(next_start)
            total = sums if total is None else total + sums
    assert total is not None  # a split has an example at least
    return total


def _started(
    ray: Any,
    plan: PassPlan,
    images: Images,
    labels_N: NDArray[np.int64],
    options: ClusterOptions,
) -> list[Any]:
    is_gpu = plan.session.provider in GPU_PROVIDERS
    resources = ray.cluster_resources()
    workers = options.workers or int(resources.get("GPU" if is_gpu else "CPU", 1)) or 1
    # A pass that its threads slow down by waiting for one another would not be the same speed.
    cpus = max(1, int(resources.get("CPU", 1)) // workers)
    session = replace(plan.session, threads=plan.session.threads or cpus)
    data, labels = _shared(ray, images), _shared(ray, labels_N)
    worker_class = ray.remote(
        num_cpus=0,  # how many work is decided here
        num_gpus=1 if is_gpu else 0,
        max_restarts=RESTARTS,
        max_task_retries=RESTARTS,
    )(SliceWorker)
    return [
        worker_class.remote(replace(plan, session=session), data, labels) for _ in range(workers)
    ]


def _shared(ray: Any, array: NDArray[Any]) -> Any:
    """Return the array as a worker can open it: by its file, or in Ray's shared memory."""
    if isinstance(array, np.memmap) and array.filename is not None:
        return MappedArray(
            path=str(array.filename),
            offset=array.offset,
            shape=array.shape,
            dtype=array.dtype.str,
        )
    return ray.put(np.array(array))


def _opened(array: MappedArray | NDArray[Any]) -> NDArray[Any]:
    return array.open() if isinstance(array, MappedArray) else array
