"""Cross-entropy against mean squared error of the probabilities, for one linear layer.

Both train the same layer from the same weights on the same batches by the same optimizer, each with
its own best learning rate of a grid, which validation examples choose. The test split is looked at
once, in the end.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from artifacts.environment import current_environment
from artifacts.losses_records import LossesStudy, LossesTask, WideStart
from data import Dataset
from studies.confident_mistakes import LOSSES, confident_mistakes
from studies.examples import THREADS, evenly, require_classes, small_examples
from studies.loss_surface import MOST_EXAMPLES, one_layer, surface_around
from studies.outcomes import (
    REPLICAS,
    best_replica,
    differences_of,
    final_accuracies,
    outcome_of,
    rates_tried,
    scores_on_test,
)
from studies.softmax_regression import (
    BATCH_SIZE,
    MOMENTUM,
    Trained,
    recorded_steps,
    steps_of,
    train_replicas,
)
from studies.task import Task, pair_of, task_of

TARGET_SHARE = 0.99  # of the final accuracy
MANY_EXAMPLES = 10_000
WIDE_SCALE = 10.0  # of outputs: the softmax is sure of one class then, at first mostly a wrong one
WIDE_SEEDS = 3  # at most: what they show needs no narrow interval

OnStep = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class LossesOptions:
    """What the user may set; None is what fits the number of examples.

    Attributes:
        pair: names of the two classes of the second task; None: 3 and 8, or the first two.
        epochs: passes over the training examples; None: 100, or of 10,000 examples and more 10.
        seeds: how many; None: 10, or of a dataset with 10,000 training images and more 5.
        seed: the first of them.
    """

    pair: tuple[str, str] | None = None
    epochs: int | None = None
    seeds: int | None = None
    seed: int = 0


def losses_study(
    dataset: Dataset, options: LossesOptions, *, command: str, on_step: OnStep
) -> LossesStudy:
    """Return what both losses lead to: for all classes and, where there are more, for two of them.

    Args:
        dataset: to learn.
        options: what the user may set.
        command: that is recorded.
        on_step: is told what is done, how much of it, of how much.

    Raises:
        UsageError: the dataset has not from 2 to 20 classes, or not those two, or too few examples,
            or images that take too much memory.
    """
    began = time.monotonic()
    require_classes(dataset)
    torch.set_num_threads(THREADS)
    pair = pair_of(dataset.classes, options.pair)
    groups = [dataset.classes, *([pair] if len(dataset.classes) > 2 else [])]
    count = options.seeds or (5 if len(dataset.train) >= MANY_EXAMPLES else 10)
    seeds = tuple(range(options.seed, options.seed + count))
    tasks = [task_of(dataset, group) for group in groups]
    return LossesStudy(
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        seeds=seeds,
        batch_size=BATCH_SIZE,
        momentum=MOMENTUM,
        tasks=tuple(_studied(task, seeds, options.epochs, on_step) for task in tasks),
        seconds=time.monotonic() - began,
        environment=current_environment(),
        command=command,
    )


def _studied(task: Task, seeds: Sequence[int], epochs: int | None, on_step: OnStep) -> LossesTask:
    epochs = epochs or (10 if len(task.train) >= MANY_EXAMPLES else 100)
    trainings = _trainings(task, seeds, epochs, on_step)
    from_wide = _trainings(task, seeds[:WIDE_SEEDS], epochs, on_step, output_scale=WIDE_SCALE)
    on_step(f"surfaces, {len(task.classes)} classes", 0, 0)
    first = trainings[0]
    steps = recorded_steps(steps_of(len(first.indices.train), epochs))
    best = [best_replica(loss, trainings) for loss in LOSSES]
    target = TARGET_SHARE * float(min(np.mean(final_accuracies(trainings, one)) for one in best))
    scores = [[scores_on_test(one, number, task) for one in trainings] for number in best]
    outcomes = [
        outcome_of(number, trainings, of_seeds, steps, target)
        for number, of_seeds in zip(best, scores, strict=True)
    ]
    solutions = [first.layers.replica(number) for number in best]
    validation = task.train.chosen(torch.from_numpy(first.indices.validation))
    drawn = task.train.chosen(evenly(len(task.train), MOST_EXAMPLES))
    surfaces = [
        surface_around(loss, solution, drawn, torch.Generator().manual_seed(seeds[0]))
        for loss, solution in zip(LOSSES, solutions, strict=True)
    ]
    small = small_examples(task.images_NCHW, task.train.labels_N.numpy(), seed=seeds[0])
    return LossesTask(
        classes=task.classes,
        train_examples=len(first.indices.train),
        val_examples=len(validation),
        test_examples=len(task.test),
        epochs=epochs,
        steps=steps,
        target_accuracy=target,
        target_share=TARGET_SHARE,
        outcomes=(outcomes[0], outcomes[1]),
        differences=differences_of(*scores),
        wide_start=WideStart(
            scale=WIDE_SCALE,
            rates=(
                rates_tried(LOSSES[0], from_wide, steps, target),
                rates_tried(LOSSES[1], from_wide, steps, target),
            ),
        ),
        mistakes=confident_mistakes(
            solutions[0].outputs(validation.inputs_NP)[:, 0], validation.labels_N
        ),
        surfaces=(surfaces[0], surfaces[1]),
        surface_examples=len(drawn),
        one_layer=one_layer(*small, len(task.classes)),
    )


def _trainings(
    task: Task,
    seeds: Sequence[int],
    epochs: int,
    on_step: OnStep,
    *,
    output_scale: float | None = None,
) -> list[Trained]:
    """Return what each seed's replicas became."""
    what = "training" if output_scale is None else "from large weights"
    trainings: list[Trained] = []
    for seed in seeds:
        indices = task.indices(seed)
        steps = steps_of(len(indices.train), epochs)
        before = len(trainings) * steps

        def tell(done: int, before: int = before, all_steps: int = len(seeds) * steps) -> None:
            on_step(f"{what}, {len(task.classes)} classes", before + done, all_steps)

        trainings.append(
            train_replicas(
                task.train,
                indices,
                REPLICAS,
                epochs=epochs,
                seed=seed,
                on_step=tell,
                output_scale=output_scale,
            )
        )
    return trainings
