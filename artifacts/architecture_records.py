"""study.json of `study architectures`: networks on the same images and budget, side by side."""

import itertools
from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from artifacts.accuracy_records import AccuracyRecord
from artifacts.changes import SIGNIFICANCE
from artifacts.environment import Environment
from artifacts.evaluation_records import Evaluation
from artifacts.json_records import SCHEMA, Count, Positive, Record, Share
from artifacts.training_records import Epoch, Hyperparameters, Training


class StudiedNetwork(Record):
    """One network on its way: how it was trained, what that took, and what is proved of it.

    Attributes:
        run: name of its run's directory, within the study's.
        hyperparameters: of its training.
        training: that run's record.
        history: an epoch each.
        multiply_adds: of one image.
        evaluation: through ONNX Runtime, on the whole test split; without the images it shows.
    """

    run: str
    hyperparameters: Hyperparameters
    training: Training
    history: tuple[Epoch, ...] = Field(min_length=1)
    multiply_adds: Positive
    evaluation: Evaluation

    @model_validator(mode="after")
    def _require_one_network(self) -> "StudiedNetwork":
        if self.evaluation.model.checkpoint_sha256 != self.training.checkpoint_sha256:
            raise ValueError("the evaluation is of other weights than the training's")
        if len(self.history) != self.training.epochs:
            raise ValueError("the history has another number of epochs than the training")
        if self.evaluation.accuracy is None:
            raise ValueError("the images have no labels")
        return self

    @property
    def name(self) -> str:
        """What the network is called."""
        return self.evaluation.model.name

    @property
    def accuracy(self) -> AccuracyRecord:
        """On the test split, through ONNX Runtime."""
        assert self.evaluation.accuracy is not None  # required above
        return self.evaluation.accuracy

    @property
    def medians_ms(self) -> dict[int, float]:
        """Median latencies from numpy to numpy, by batch size."""
        timings = self.evaluation.latency
        return {one.batch_size: one.p50_ms for one in timings if one.boundary == "host"}

    @property
    def passed(self) -> bool:
        """Whether it is proved that the exported network is the trained one."""
        return self.evaluation.verdict == "pass"

    @property
    def has_learnt(self) -> bool:
        """Whether it beats, beyond its 95% interval, naming the commonest class for every image."""
        commonest = max(one.examples for one in self.accuracy.per_class)
        return self.accuracy.ci95[0] > commonest / self.accuracy.examples

    @property
    def training_seconds(self) -> float:
        """Of all epochs, validation included."""
        return sum(epoch.seconds for epoch in self.history)


class NetworkPair(Record):
    """Two networks on the same test images: those that only one of them got right.

    Attributes:
        first: name of one.
        second: name of the other.
        only_first: test images that only the first got right.
        only_second: that only the second did.
        mcnemar_p: of McNemar's exact test.
        holm_p: the same, corrected for all pairs of the study (Holm 1979).
    """

    first: str
    second: str
    only_first: Count
    only_second: Count
    mcnemar_p: Share
    holm_p: Share

    @property
    def is_more_than_chance(self) -> bool:
        """Whether one of them is more accurate by more than chance in images explains."""
        return self.only_first != self.only_second and self.holm_p < SIGNIFICANCE


class NetworkAdvice(Record):
    """Whether to take a network for batches of a size; when and why, in a sentence."""

    batch_size: Positive
    network: str
    take: bool
    sentence: str


class ArchitectureStudy(Record):
    """study.json: networks trained on as many of the same images, exported, evaluated.

    Attributes:
        epochs: for each of them.
        subset: fraction of the training split that was used.
        train_examples: in an epoch.
        networks: in the order in which they were named.
        pairs: each two of them, in that order.
        advice: which one to take, as follows from the others by rules (`report/`).
    """

    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema")
    study: Literal["architectures"] = "architectures"
    epochs: Positive
    subset: float = Field(gt=0, le=1)
    seed: Count
    train_examples: Positive
    val_examples: Positive
    networks: tuple[StudiedNetwork, ...] = Field(min_length=1)
    pairs: tuple[NetworkPair, ...]
    advice: tuple[NetworkAdvice, ...]
    environment: Environment
    command: str

    @model_validator(mode="after")
    def _require_same_images(self) -> "ArchitectureStudy":
        if len({network.evaluation.dataset.split_sha256 for network in self.networks}) > 1:
            raise ValueError("the networks were evaluated on different images")
        for network in self.networks:
            if network.training.val_examples != self.val_examples:
                raise ValueError(f"{network.name} was validated on another number of images")
            if network.training.epochs != self.epochs:
                raise ValueError(f"{network.name} was trained for another number of epochs")
        return self

    @model_validator(mode="after")
    def _require_pairs_as_counted(self) -> "ArchitectureStudy":
        correct = {network.name: network.accuracy.correct for network in self.networks}
        if len(correct) < len(self.networks):
            raise ValueError("two networks have one name")
        if [(pair.first, pair.second) for pair in self.pairs] != _pairs_of(list(correct)):
            raise ValueError("the pairs are not those of the networks")
        for pair in self.pairs:
            if correct[pair.first] - correct[pair.second] != pair.only_first - pair.only_second:
                raise ValueError(f"{pair.first} and {pair.second}: the accuracies differ otherwise")
        if not {one.network for one in self.advice} <= correct.keys():
            raise ValueError("an advice is of none of the networks")
        return self


def _pairs_of(names: Sequence[str]) -> list[tuple[str, str]]:
    return list(itertools.combinations(names, 2))
