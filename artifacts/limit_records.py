"""What a machine can do at most, and what share of that a network reaches: the roofline model.

Williams, Waterman and Patterson, "Roofline: an insightful visual performance model for multicore
architectures", 2009: a computation attains at most min(peak, bandwidth * intensity), where its
intensity is the number of its operations for each byte that it moves. A multiply-add is two
operations, and GFLOP/s and GB/s are 10^9 a second.

What a small network moves never leaves the caches, whose bandwidth is many times that of memory. So
there is a bandwidth for each size of what is moved, as in the cache-aware model of Ilic, Pratas and
Sousa, 2014.
"""

from typing import Annotated, Literal

from pydantic import Field

from artifacts.json_records import Deviation, Positive, Record

# Which of the two a computation meets first.
Bound = Literal["compute", "bandwidth"]


class ShareOfLimit(Record):
    """What a batch took beside what its work must take at least."""

    multiply_adds: Positive  # of the batch
    moved_bytes: Positive
    intensity: Deviation  # operations a byte
    bandwidth_gb_per_second: Deviation  # at so many bytes
    gflops: Deviation  # operations of the batch by the time of one call
    attainable_gflops: Deviation
    share: Deviation  # of the attainable; above 1 where less was moved or computed than counted
    bound: Bound


class CopyRate(Record):
    """The rate of a copy: bytes read and bytes written together."""

    moved_bytes: Positive
    gb_per_second: Deviation


class MachineLimit(Record):
    """A provider's best at products of matrices and at copies, measured in the evaluation's run.

    All are float32, and lie on the provider's own device. A reduced precision may pass this peak.
    """

    peak_gflops: Deviation
    peak_size: Positive  # rows and columns of the two matrices that gave it
    copies: Annotated[tuple[CopyRate, ...], Field(min_length=1)]  # the largest: past the caches
    threads: Positive

    @property
    def memory(self) -> CopyRate:
        """The largest copy."""
        return max(self.copies, key=lambda copy: copy.moved_bytes)

    def bandwidth(self, moved_bytes: int) -> float:
        """Return the best rate of the copies that are as large, GB/s; of the largest if none is."""
        as_large = [copy for copy in self.copies if copy.moved_bytes >= moved_bytes]
        return max(copy.gb_per_second for copy in as_large or [self.memory])

    def share(self, *, multiply_adds: int, moved_bytes: int, seconds: float) -> ShareOfLimit:
        """Return the share of this limit that work reaches which takes so long."""
        intensity = 2 * multiply_adds / moved_bytes
        bandwidth = self.bandwidth(moved_bytes)
        attainable = min(self.peak_gflops, bandwidth * intensity)
        gflops = 2 * multiply_adds / seconds / 1e9
        return ShareOfLimit(
            multiply_adds=multiply_adds,
            moved_bytes=moved_bytes,
            intensity=intensity,
            bandwidth_gb_per_second=bandwidth,
            gflops=gflops,
            attainable_gflops=attainable,
            share=gflops / attainable,
            bound="compute" if self.peak_gflops <= bandwidth * intensity else "bandwidth",
        )
