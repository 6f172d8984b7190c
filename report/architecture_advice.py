"""Which of several networks to take, and when: rules on what was measured, in sentences.

At a batch size, networks are gone through from the fastest to the slowest. One is worth its time
only where it gets more of the same images right than every faster one that is worth its own, by
more than chance. What is not is beaten by one of those. Nobody should take a network that is not
proved, or that has learnt nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from artifacts.architecture_records import NetworkAdvice, NetworkPair, StudiedNetwork
from report.numbers import milliseconds, percent
from report.pareto import Point, common_batch_sizes, is_faster, points_at


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How one network's accuracy stands beside another's, on the same images.

    Attributes:
        points: of accuracy that it has more; below 0 where it has less.
        holm_p: of McNemar's exact test, corrected for all pairs.
        is_more_than_chance: whether that tells them apart.
    """

    points: float
    holm_p: float
    is_more_than_chance: bool

    @property
    def is_better(self) -> bool:
        """Whether it is more accurate by more than chance."""
        return self.points > 0 and self.is_more_than_chance


def gain(
    first: str, second: str, networks: Sequence[StudiedNetwork], pairs: Sequence[NetworkPair]
) -> Gain:
    """Return how the first network's accuracy stands beside the second's."""
    pair = next(pair for pair in pairs if {pair.first, pair.second} == {first, second})
    more = pair.only_first - pair.only_second
    examples = networks[0].accuracy.examples
    return Gain(
        points=100 * (more if pair.first == first else -more) / examples,
        holm_p=pair.holm_p,
        is_more_than_chance=pair.is_more_than_chance,
    )


def advice_on_networks(
    networks: Sequence[StudiedNetwork], pairs: Sequence[NetworkPair]
) -> tuple[NetworkAdvice, ...]:
    """Return an advice on each network for each batch size that all timed; the ones to take first.

    A network whose verdict is fail, or that knows no more than the commonest class, is not taken,
    nor held against others.
    """
    usable = [network for network in networks if _why_unusable(network) is None]
    unusable = {one.name: why for one in networks if (why := _why_unusable(one))}
    sizes = common_batch_sizes([network.evaluation for network in usable or networks])
    return tuple(
        advice
        for size in sizes
        for advice in (
            *_Choice(networks, pairs, size).advice(),
            *(
                NetworkAdvice(batch_size=size, network=name, take=False, sentence=why)
                for name, why in unusable.items()
            ),
        )
    )


class _Choice:
    """The usable networks at one batch size, fastest first, and those worth their time."""

    def __init__(
        self, networks: Sequence[StudiedNetwork], pairs: Sequence[NetworkPair], batch_size: int
    ) -> None:
        self._networks = networks
        self._pairs = pairs
        self._batch_size = batch_size
        usable = [one.evaluation for one in networks if _why_unusable(one) is None]
        timed = points_at(usable, batch_size)
        self._points = sorted(timed, key=lambda point: point.p50_ms)
        self._front: list[Point] = []
        for point in self._points:
            kept = list(self._front)
            while kept and self._beats(point, kept[-1]):
                kept.pop()
            if not kept or self._gain(point, kept[-1]).is_better:
                self._front = [*kept, point]

    def advice(self) -> list[NetworkAdvice]:
        """Return what to take, fastest first, then what not to take."""
        to_take = [
            self._advice(point, self._when(number, point))
            for number, point in enumerate(self._front)
        ]
        beaten = [point for point in self._points if point not in self._front]
        return to_take + [self._advice(point, self._why_not(point), take=False) for point in beaten]

    def _advice(self, point: Point, sentence: str, *, take: bool = True) -> NetworkAdvice:
        return NetworkAdvice(
            batch_size=self._batch_size, network=point.name, take=take, sentence=sentence
        )

    def _when(self, number: int, point: Point) -> str:
        accuracy = percent((point.correct or 0) / point.examples)
        facts = f"{milliseconds(point.p50_ms)} a batch of {self._batch_size}, {accuracy} right"
        if len(self._front) == 1:
            if len(self._points) == 1:
                return f"Take {point.name}, for want of another that passed: {facts}."
            return (
                f"Take {point.name}: {facts}; no other is faster, or right more often, by more than"
                " chance."
            )
        if number == 0:
            return f"Take {point.name} when time decides: {facts}."
        faster = self._front[number - 1]
        gained = self._gain(point, faster)
        price = f"{_ratio(point, faster)} times {faster.name}'s time"
        worth = f"{gained.points:.2f} points more than {faster.name} ({_p(gained)}), for {price}"
        if number == len(self._front) - 1:
            return f"Take {point.name} when accuracy decides: {facts}; {worth}."
        return f"Take {point.name} in between: {facts}; {worth}."

    def _why_not(self, point: Point) -> str:
        for better in reversed(self._front):
            gained = self._gain(point, better)
            if is_faster(point, better) or gained.is_better:
                continue
            time = f"{better.name} is no slower beyond chance"
            if is_faster(better, point):
                time = f"{better.name} is {_ratio(point, better)} times as fast"
            return f"Not {point.name}: {time}, and {_accuracy(gained)}."
        return f"{point.name}: nothing that was measured decides for it, or against it."

    def _beats(self, point: Point, faster: Point) -> bool:
        """Return whether it is better than one whose lead in time may be chance."""
        return self._gain(point, faster).is_better and not is_faster(faster, point)

    def _gain(self, first: Point, second: Point) -> Gain:
        return gain(first.name, second.name, self._networks, self._pairs)


def taken(advice: Sequence[NetworkAdvice]) -> dict[int, tuple[str, ...]]:
    """Return the networks to take by batch size, fastest first."""
    sizes = dict.fromkeys(one.batch_size for one in advice)
    return {
        size: tuple(one.network for one in advice if one.take and one.batch_size == size)
        for size in sizes
    }


def in_one_sentence(advice: Sequence[NetworkAdvice]) -> str:
    """Return what to take, batch sizes with the same answer together."""
    answers: dict[str, list[int]] = {}
    for size, names in taken(advice).items():
        answers.setdefault(_answer(names), []).append(size)
    if not answers:
        return "Nothing can be said: there is no batch size that all networks have timed."
    told = [
        f"for batches of {' and '.join(str(size) for size in sizes)} {answer}"
        for answer, sizes in answers.items()
    ]
    sentence = "; ".join(told)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _answer(names: Sequence[str]) -> str:
    if not names:
        return "take none: none passed that has learnt anything"
    if len(names) == 1:
        return f"take {names[0]}: no other is better by more than chance"
    between = f", {' or '.join(names[1:-1])} in between" if names[1:-1] else ""
    return f"take {names[0]} when time decides{between}, {names[-1]} when accuracy does"


def _why_unusable(network: StudiedNetwork) -> str | None:
    if not network.passed:
        return f"Not {network.name}: it is not proved that the exported network is the trained one."
    if not network.has_learnt:
        return (
            f"Not {network.name}: {percent(network.accuracy.top1)} right is no more, beyond chance,"
            " than who names the commonest class for every image."
        )
    return None


def _ratio(slower: Point, faster: Point) -> str:
    return f"{slower.p50_ms / faster.p50_ms:.3g}"


def _accuracy(of_beaten: Gain) -> str:
    if of_beaten.is_more_than_chance:
        return f"{-of_beaten.points:.2f} points more accurate ({_p(of_beaten)})"
    if not of_beaten.points:
        return "as accurate"
    more = "more" if of_beaten.points < 0 else "less"
    points = f"{abs(of_beaten.points):.2f} points {more} accurate"
    return f"{points}, which may be chance ({_p(of_beaten)})"


def _p(gained: Gain) -> str:
    return f"McNemar's p = {gained.holm_p:.2g}, corrected"
