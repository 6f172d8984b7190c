"""From trainings to figures: which learning rate is best, how soon, and how the losses differ."""

from collections.abc import Callable, Sequence

import numpy as np

from artifacts.losses_records import Differences, Estimate, LossOutcome, RateTried
from artifacts.study_records import StudiedLoss
from studies.confident_mistakes import LOSSES
from studies.estimates import estimate_of, interval_of_mean, paired_counts
from studies.scores import Scores, scores_of
from studies.softmax_regression import Replica, Trained
from studies.task import Task

LEARNING_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
REPLICAS = [Replica(loss=loss, learning_rate=rate) for loss in LOSSES for rate in LEARNING_RATES]


def best_replica(loss: StudiedLoss, trainings: Sequence[Trained]) -> int:
    """Return the loss' replica with the best mean accuracy on the validation examples.

    Of several it is the one whose own loss is the least there.
    """

    def merit(number: int) -> tuple[float, float]:
        own_loss = _mean([float(one.val_loss_R[number]) for one in trainings])
        return _mean(final_accuracies(trainings, number)), -own_loss

    return max((n for n, replica in enumerate(REPLICAS) if replica.loss == loss), key=merit)


def final_accuracies(trainings: Sequence[Trained], replica: int) -> list[float]:
    """Return each seed's accuracy on its validation examples after the last step."""
    return [float(one.val_accuracy_SR[-1, replica]) for one in trainings]


def scores_on_test(trained: Trained, replica: int, task: Task) -> Scores:
    """Return what a replica is worth on the test examples."""
    outputs_NK = trained.layers.replica(replica).outputs(task.test.inputs_NP)[:, 0]
    return scores_of(outputs_NK, task.test.labels_N)


def outcome_of(
    best: int,
    trainings: Sequence[Trained],
    scores: Sequence[Scores],
    steps: Sequence[int],
    target: float,
) -> LossOutcome:
    """Return what a loss led to with its best replica.

    Args:
        best: number of the replica.
        trainings: one a seed.
        scores: of that replica on the test examples, one a seed.
        steps: the recorded ones.
        target: validation accuracy whose steps are counted.
    """
    loss = REPLICAS[best].loss
    correct = tuple(one.correct for one in scores)
    examples = len(scores[0].right_N)
    curves = np.stack([one.val_accuracy_SR[:, best].numpy() for one in trainings])
    return LossOutcome(
        loss=loss,
        rates=rates_tried(loss, trainings, steps, target),
        learning_rate=REPLICAS[best].learning_rate,
        correct=correct,
        accuracy=estimate_of([one / examples for one in correct], least=0, most=1),
        accuracy_ci95=interval_of_mean(correct, examples),
        calibration_error=estimate_of([one.calibration_error for one in scores], least=0, most=1),
        negative_log_likelihood=estimate_of(
            [one.negative_log_likelihood for one in scores], least=0
        ),
        brier_score=estimate_of([one.brier_score for one in scores], least=0, most=2),
        val_accuracy=tuple(curves.mean(axis=0).tolist()),
        val_accuracy_range=tuple(
            zip(curves.min(axis=0).tolist(), curves.max(axis=0).tolist(), strict=True)
        ),
    )


def rates_tried(
    loss: StudiedLoss, trainings: Sequence[Trained], steps: Sequence[int], target: float
) -> tuple[RateTried, ...]:
    """Return what all learning rates of a loss led to."""
    return tuple(
        RateTried(
            learning_rate=replica.learning_rate,
            val_accuracy=estimate_of(final_accuracies(trainings, number), least=0, most=1),
            val_loss=_mean([float(one.val_loss_R[number]) for one in trainings]),
            steps_to_target=tuple(
                _first_step(one.val_accuracy_SR[:, number].tolist(), steps, target)
                for one in trainings
            ),
        )
        for number, replica in enumerate(REPLICAS)
        if replica.loss == loss
    )


def _first_step(curve: Sequence[float], steps: Sequence[int], target: float) -> int | None:
    pairs = zip(steps, curve, strict=True)
    return next((step for step, accuracy in pairs if accuracy >= target), None)


def differences_of(cross_entropy: Sequence[Scores], mse: Sequence[Scores]) -> Differences:
    """Return the first loss' figures less those of the second, seed by seed."""
    pairs = list(zip(cross_entropy, mse, strict=True))

    def difference(figure: Callable[[Scores], float]) -> Estimate:
        return estimate_of([figure(one) - figure(other) for one, other in pairs])

    return Differences(
        accuracy=difference(lambda one: one.correct / len(one.right_N)),
        calibration_error=difference(lambda one: one.calibration_error),
        negative_log_likelihood=difference(lambda one: one.negative_log_likelihood),
        brier_score=difference(lambda one: one.brier_score),
        paired=tuple(paired_counts(one.right_N, other.right_N) for one, other in pairs),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
