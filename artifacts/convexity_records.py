"""study.json of `study convexity`: which losses of linear networks are convex."""

from typing import Literal

from pydantic import Field, model_validator

from artifacts.environment import Environment
from artifacts.json_records import SCHEMA, Count, Duration, Magnitude, Positive, Record
from artifacts.study_records import Floats, StudiedLoss, Surface, require_as_many


class Curve(Record):
    """Losses on a straight line between two points of the weights' space.

    Attributes:
        shares: of the way, from 0 to 1.
        losses: there.
        highest_above: how far the losses rise above the straight line between the two ends; above
            zero nowhere where the loss is convex.
    """

    shares: Floats = Field(min_length=2)
    losses: Floats
    highest_above: float

    @model_validator(mode="after")
    def _require_pairs(self) -> "Curve":
        require_as_many(self.shares, self.losses)
        return self


class ConvexityOfLoss(Record):
    """One loss and one depth.

    Attributes:
        loss: which.
        layers: 1 or 2.
        parameters: weights in all.
        origin_eigenvalue: smallest one of the Hessian with all weights zero.
        origin_eigenvalue_by_theory: the same in closed form.
        path_shares: of the way from the origin to the trained weights, which are at 1.
        path_eigenvalues: smallest ones of the Hessians there.
        hessian_points: at how many points whole Hessians were compared with the closed form.
        hessian_difference: largest one, beside `hessian_entry`, the largest of the entries.
        hessian_entry: see there.
        chord: between the trained weights and the same with the sign of each layer changed (two
            layers), or between two random weights (one layer).
        random_chords: how many chords between random weights were looked at.
        chord_spread: standard deviation of the weights that they lie between.
        random_chords_below: on how many of them the loss lies above the chord's middle.
        start_losses: what each random start ended with.
        least_loss: of any weights, from a closed form or the minimum of the convex problem.
        scaled: with the first layer `first` times and the second `second` times the trained one;
            None: there is a single layer.
    """

    loss: StudiedLoss
    layers: Literal[1, 2]
    parameters: Positive
    origin_eigenvalue: float
    origin_eigenvalue_by_theory: float
    path_shares: Floats = Field(min_length=2)
    path_eigenvalues: Floats
    hessian_points: Positive
    hessian_difference: Magnitude
    hessian_entry: Magnitude
    chord: Curve
    random_chords: Positive
    chord_spread: Magnitude
    random_chords_below: Count
    start_losses: Floats = Field(min_length=1)
    least_loss: float
    scaled: Surface | None

    @model_validator(mode="after")
    def _require_consistency(self) -> "ConvexityOfLoss":
        require_as_many(self.path_shares, self.path_eigenvalues)
        if self.random_chords_below > self.random_chords:
            raise ValueError("more chords lie below than there are")
        if (self.scaled is None) != (self.layers == 1):
            raise ValueError("exactly two layers are scaled")
        return self


class ConvexityStudy(Record):
    """`study convexity`.

    Attributes:
        dataset: its name.
        dataset_sha256: of it.
        examples: N, training images of the dataset.
        components: principal components of them that are the inputs, with a column of ones.
        hidden: H of the two layers.
        classes: K.
        separable: whether one linear layer tells the classes of all examples, so that
            cross-entropy has no minimum.
        seed: of random points.
        results: each loss with one and with two layers.
        seconds: that it took.
        environment: what it was computed on.
        command: that made it.
    """

    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema")
    study: Literal["convexity"] = "convexity"
    dataset: str
    dataset_sha256: str
    examples: Positive
    components: Positive
    hidden: Positive
    classes: int = Field(ge=2)
    separable: bool
    seed: Count
    results: tuple[ConvexityOfLoss, ...] = Field(min_length=1)
    seconds: Duration
    environment: Environment
    command: str

    def result(self, loss: StudiedLoss, layers: int) -> ConvexityOfLoss:
        """Return what was found of a loss and a depth; ValueError where it was not studied."""
        for one in self.results:
            if (one.loss, one.layers) == (loss, layers):
                return one
        raise ValueError(f"{loss} with {layers} layers was not studied")
