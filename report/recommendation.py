"""Which variant of a network to take, in words."""

from collections.abc import Sequence

from artifacts.evaluation_records import Evaluation
from artifacts.json_records import Record
from report.pareto import Point, common_batch_sizes, points_at, recommended


class Advice(Record):
    """What to take at a batch size, and why."""

    batch_size: int
    take: str | None
    why: str

    def in_words(self) -> str:
        """Return it as a line."""
        return f"batch {self.batch_size}: take {self.take or 'nothing'}: {self.why}"


def advice_on(evaluations: Sequence[Evaluation]) -> tuple[Advice, ...]:
    """Return advice for each batch size that all evaluations of a network timed, if they did."""
    timed = [evaluation for evaluation in evaluations if evaluation.latency]
    return tuple(_advice(size, points_at(timed, size)) for size in common_batch_sizes(timed))


def _advice(batch_size: int, points: Sequence[Point]) -> Advice:
    best = recommended(points)
    if best is None:
        return Advice(batch_size=batch_size, take=None, why="no variant passed")
    return Advice(batch_size=batch_size, take=best.label, why=_why(best, points))


def _why(best: Point, points: Sequence[Point]) -> str:
    if best.precision == "float32":
        others = [point for point in points if point is not best]
        if not others:
            return "nothing else was timed"
        measured = ", ".join(_measured(one) for one in others)
        return f"nothing that passed is faster by more than chance ({measured})"
    lost = "" if best.points_lost is None else f", {best.points_lost + 0:.2f} points lost"
    if best.beside_float32 is None:
        return f"median {best.p50_ms:.3f} ms{lost}"
    return f"{best.beside_float32:.2f} times float32's speed there{lost}"


def _measured(point: Point) -> str:
    failed = "" if point.passed else ", failed"
    if point.beside_float32 is None:
        return f"{point.label}: {point.p50_ms:.3f} ms{failed}"
    return f"{point.label}: {point.beside_float32:.2f} times its speed{failed}"
