"""study.json of `study losses`: cross-entropy beside mean squared error, of one linear layer."""

from typing import Literal

from pydantic import Field, model_validator

from artifacts.environment import Environment
from artifacts.json_records import SCHEMA, Count, Duration, Magnitude, Positive, Record, Share
from artifacts.study_records import Floats, StudiedLoss, Surface, require_as_many


class Estimate(Record):
    """A figure over several seeds.

    Attributes:
        mean: of the seeds.
        ci95: 95% interval of the mean, by Student's t: what the seeds tell of training again with
            others, not of other test images.
        smallest: of the seeds.
        largest: of the seeds.
    """

    mean: float
    ci95: tuple[float, float]
    smallest: float
    largest: float


class RateTried(Record):
    """A learning rate of the grid.

    Attributes:
        learning_rate: of SGD.
        val_accuracy: after the last step.
        val_loss: mean over the seeds, of the loss that was trained, after the last step.
        steps_to_target: of each seed; None: it did not come so far.
    """

    learning_rate: Magnitude
    val_accuracy: Estimate
    val_loss: float
    steps_to_target: tuple[Count | None, ...]


class LossOutcome(Record):
    """What training with one loss, at its best learning rate, led to; a value a seed in its order.

    Attributes:
        loss: which.
        rates: all learning rates that were tried, ascending.
        learning_rate: that with the best mean accuracy on the validation examples; of several the
            one whose own loss is the least there.
        correct: test examples that are right, of each seed.
        accuracy: share of the test examples.
        accuracy_ci95: Wilson's 95% interval of the mean accuracy: what the test images tell of
            others of their kind.
        calibration_error: expected calibration error on the test examples, of 15 bins.
        negative_log_likelihood: mean on the test examples, natural logarithm.
        brier_score: mean on the test examples: squared distance between probabilities and truth.
        val_accuracy: mean over the seeds after each of the task's recorded steps.
        val_accuracy_range: smallest and largest of the seeds there.
    """

    loss: StudiedLoss
    rates: tuple[RateTried, ...] = Field(min_length=1)
    learning_rate: Magnitude
    correct: tuple[Count, ...]
    accuracy: Estimate
    accuracy_ci95: tuple[Share, Share]
    calibration_error: Estimate
    negative_log_likelihood: Estimate
    brier_score: Estimate
    val_accuracy: tuple[Share, ...]
    val_accuracy_range: tuple[tuple[Share, Share], ...]

    @property
    def chosen(self) -> RateTried:
        """The learning rate that was taken."""
        return next(one for one in self.rates if one.learning_rate == self.learning_rate)

    @property
    def is_at_edge(self) -> bool:
        """Whether the best learning rate is the smallest or the largest of the grid."""
        return self.learning_rate in (self.rates[0].learning_rate, self.rates[-1].learning_rate)

    @model_validator(mode="after")
    def _require_consistency(self) -> "LossOutcome":
        require_as_many(self.val_accuracy, self.val_accuracy_range)
        if self.learning_rate not in [one.learning_rate for one in self.rates]:
            raise ValueError("the learning rate is none of those that were tried")
        return self


class PairedCounts(Record):
    """Test examples of one seed that only one loss gets right, and McNemar's exact p-value."""

    only_cross_entropy: Count
    only_mse: Count
    mcnemar_p: Share


class Differences(Record):
    """Cross-entropy's figure less that of mean squared error, seed by seed."""

    accuracy: Estimate
    calibration_error: Estimate
    negative_log_likelihood: Estimate
    brier_score: Estimate
    paired: tuple[PairedCounts, ...]


class ConfidentMistakes(Record):
    """How long the gradient in the outputs is where a wrong class has a probability.

    Attributes:
        confidences: probability of the wrong class; all others share the rest evenly.
        cross_entropy: norm of the gradient of that loss there.
        mse: the same of mean squared error of the probabilities.
        largest_difference: of the closed forms from automatic differentiation, in both.
        seen_confidences: of validation examples that the first seed's network of cross-entropy gets
            wrong: the probability of the class that it names.
        seen_cross_entropy: norm there.
        seen_mse: the same.
        seen_of: how many such examples there are; of many a part is drawn.
    """

    confidences: tuple[Share, ...] = Field(min_length=2)
    cross_entropy: Floats
    mse: Floats
    largest_difference: Magnitude
    seen_confidences: tuple[Share, ...]
    seen_cross_entropy: Floats
    seen_mse: Floats
    seen_of: Count

    @model_validator(mode="after")
    def _require_pairs(self) -> "ConfidentMistakes":
        require_as_many(self.confidences, self.cross_entropy, self.mse)
        require_as_many(self.seen_confidences, self.seen_cross_entropy, self.seen_mse)
        return self


class LineOfLoss(Record):
    """A loss of one layer along a line through the origin, in float64.

    Attributes:
        loss: which.
        losses: at each of the task's scales.
        eigenvalues: smallest ones of the Hessians there.
        hessian_difference: largest one from the closed form, beside `hessian_entry`.
        hessian_entry: the largest of the entries.
    """

    loss: StudiedLoss
    losses: Floats
    eigenvalues: Floats
    hessian_difference: Magnitude
    hessian_entry: Magnitude


class OneLayer(Record):
    """Whether the losses are convex in the weights of a single layer.

    Attributes:
        examples: of the training images.
        components: principal components that are the inputs, with a column of ones.
        scales: root mean square of the outputs; negative where the answers are turned round.
        lines: both losses.
    """

    examples: Positive
    components: Positive
    scales: Floats = Field(min_length=2)
    lines: tuple[LineOfLoss, LineOfLoss]

    @model_validator(mode="after")
    def _require_pairs(self) -> "OneLayer":
        for line in self.lines:
            require_as_many(self.scales, line.losses, line.eigenvalues)
        return self


class WideStart(Record):
    """The same trainings from such large weights that most answers begin confidently wrong.

    Attributes:
        scale: root mean square of the first outputs, on the training examples.
        rates: of cross-entropy, of mean squared error.
    """

    scale: Magnitude
    rates: tuple[tuple[RateTried, ...], tuple[RateTried, ...]]

    @property
    def best(self) -> tuple[RateTried, RateTried]:
        """For each loss the learning rate with the best accuracy on the validation examples."""
        first, second = (max(tried, key=lambda one: one.val_accuracy.mean) for tried in self.rates)
        return first, second

    @model_validator(mode="after")
    def _require_rates(self) -> "WideStart":
        if not all(self.rates):
            raise ValueError("no learning rate was tried")
        return self


class LossesTask(Record):
    """One set of classes to tell apart.

    Attributes:
        classes: their names.
        train_examples: that are trained on.
        val_examples: that validate, a set of their own for each seed.
        test_examples: that are measured on in the end.
        epochs: passes over the training examples.
        steps: after which the validation examples were looked at; the last one ends the training.
        target_accuracy: on the validation examples, whose steps are counted: `target_share` of the
            lower one of both losses' accuracies after the last step, mean over the seeds.
        target_share: see there.
        outcomes: cross-entropy, mean squared error of the probabilities.
        differences: between them.
        wide_start: from confidently wrong weights.
        mistakes: the gradients at confident mistakes.
        surfaces: each loss around the first seed's solution: `first` times its weights are added,
            and `second` times random weights of the same norm in each class's row.
        surface_examples: training examples that they are of.
        one_layer: convexity.
    """

    classes: tuple[str, ...] = Field(min_length=2)
    train_examples: Positive
    val_examples: Positive
    test_examples: Positive
    epochs: Positive
    steps: tuple[Count, ...]
    target_accuracy: Share
    target_share: Share
    outcomes: tuple[LossOutcome, LossOutcome]
    differences: Differences
    wide_start: WideStart
    mistakes: ConfidentMistakes
    surfaces: tuple[Surface, Surface]
    surface_examples: Positive
    one_layer: OneLayer

    @model_validator(mode="after")
    def _require_consistency(self) -> "LossesTask":
        for outcome in self.outcomes:
            require_as_many(self.steps, outcome.val_accuracy)
            if max(outcome.correct) > self.test_examples:
                raise ValueError("more test examples are right than there are")
        return self


class LossesStudy(Record):
    """`study losses`.

    Attributes:
        dataset: its name.
        dataset_sha256: of it.
        seeds: each of its own split into training and validation, weights and order of examples;
            both losses and all learning rates share them.
        batch_size: examples of a step.
        momentum: of SGD.
        tasks: all classes first; then two of them, where there are more.
        seconds: that it took.
        environment: what it was computed on.
        command: that made it.
    """

    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema")
    study: Literal["losses"] = "losses"
    dataset: str
    dataset_sha256: str
    seeds: tuple[Count, ...] = Field(min_length=2)
    batch_size: Positive
    momentum: Share
    tasks: tuple[LossesTask, ...] = Field(min_length=1)
    seconds: Duration
    environment: Environment
    command: str
