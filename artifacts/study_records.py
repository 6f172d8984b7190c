"""What the records of `study convexity` and `study losses` have in common."""

from typing import Literal

from pydantic import Field, model_validator

from artifacts.json_records import Record

# `mse-of-outputs` is of the last layer's outputs as they are, `mse-of-probabilities` of their
# softmax; studies/output_losses.py has the formulas.
StudiedLoss = Literal["cross-entropy", "mse-of-outputs", "mse-of-probabilities"]
Floats = tuple[float, ...]
MOST_GRID = 201  # points along a side of a surface


class Surface(Record):
    """A loss on a grid of two directions.

    Attributes:
        first: how far along the first direction, ascending.
        second: along the second.
        losses: [second][first].
        highest_bulge: how far a point of the grid lies above the middle of two neighbours, in a
            row, a column or a diagonal, at most; above zero nowhere where the loss is convex.
    """

    first: Floats = Field(min_length=3, max_length=MOST_GRID)
    second: Floats = Field(min_length=3, max_length=MOST_GRID)
    losses: tuple[Floats, ...]
    highest_bulge: float

    @model_validator(mode="after")
    def _require_grid(self) -> "Surface":
        require_as_many(self.second, self.losses)
        for row in self.losses:
            require_as_many(self.first, row)
        return self


def require_as_many(*sequences: tuple[object, ...]) -> None:
    """Refuse sequences of different lengths (ValueError)."""
    if len({len(sequence) for sequence in sequences}) > 1:
        raise ValueError(f"lengths differ: {', '.join(str(len(one)) for one in sequences)}")
