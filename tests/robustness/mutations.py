"""Damaged copies of a file: seeded, so that each can be made again from its number."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

EXTREME_BYTES = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF)
EXTREME_NUMBERS = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
EDGE_BYTES = 512  # headers come first in most formats, zip's directory last


@dataclass(frozen=True)
class Mutation:
    """What was done to a file, in words, and what came of it."""

    what: str
    content: bytes


def mutations(content: bytes, count: int, *, seed: int = 0) -> Iterator[Mutation]:
    """Yield `count` damaged copies of `content`, none of them equal to it.

    Half of the places lie at the edges. Every third copy is cut off, and every third has one bit
    flipped; the others have extreme bytes and numbers, and parts that are gone, doubled or zero.
    """
    for number in range(count):
        # One generator each, so that a failure can be repeated alone.
        choose = random.Random(f"{seed} {number}")
        while (mutation := _mutation(content, number, choose)).content == content:
            pass
        yield Mutation(f"seed {seed}, number {number}: {mutation.what}", mutation.content)


def _mutation(content: bytes, number: int, choose: random.Random) -> Mutation:
    place = _place(len(content), choose)
    if number % 3 == 0:
        bit = choose.randrange(8)
        return Mutation(
            f"bit {bit} of byte {place} flipped",
            _with(content, place, bytes([content[place] ^ 1 << bit])),
        )
    if number % 3 == 1:
        return Mutation(f"cut off after {place} of {len(content)} bytes", content[:place])
    size = choose.choice((1, 2, 8, 64, 4096))
    part = content[place : place + size]
    extreme = choose.choice(EXTREME_BYTES)
    width = choose.choice((4, 8))
    order = choose.choice(("little", "big"))
    value = choose.choice(EXTREME_NUMBERS) % 2 ** (8 * width)
    return choose.choice(
        (
            Mutation(f"byte {place} is {extreme:#04x}", _with(content, place, bytes([extreme]))),
            Mutation(
                f"{value:#x}, {width} bytes, {order} endian, at {place}",
                _with(content, place, value.to_bytes(width, order)),
            ),
            Mutation(
                f"{size} bytes at {place} are gone", content[:place] + content[place + size :]
            ),
            Mutation(
                f"{size} bytes at {place} are there twice",
                content[: place + size] + part + content[place + size :],
            ),
            Mutation(f"{size} bytes at {place} are zero", _with(content, place, bytes(len(part)))),
        )
    )


def _place(size: int, choose: random.Random) -> int:
    edge = min(EDGE_BYTES, size)
    return choose.choice(
        (choose.randrange(edge), size - 1 - choose.randrange(edge), *_inside(size, choose))
    )


def _inside(size: int, choose: random.Random) -> tuple[int, int]:
    return choose.randrange(size), choose.randrange(size)


def _with(content: bytes, place: int, part: bytes) -> bytes:
    return content[:place] + part + content[place + len(part) :]
