"""What is trained: three networks, their images, their batch sizes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifacts.environment import usable_cpus
from benchmarks.training.contenders import (
    ARITHMETIC,
    DATA_LOADER,
    IN_TORCH,
    KERAS,
    LIGHTNING,
    OURS,
)
from benchmarks.training.material import Material, Part, Settings
from benchmarks.workload_data import (
    WorkloadData,
    embedded_digits,
    mnist_or_digits,
    svhn_gray_or_digits,
)
from commands.run_data import dataset_spec
from data import Dataset
from data.dataset import Split, dataset_from_splits, split_sha256
from models import build, network_name
from models.cost import multiply_adds
from trainers.execution import thread_count
from trainers.plan import planned_training


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A network, and what it is trained on.

    Attributes:
        model: its name.
        batch_size: of a step.
        data: finds the images.
        examples: how many of the training split are used, the first ones; None for all. A fifth of
            them validates, as the recipe `assignment` has it.
        contenders: who trains it.
        repetitions: how many epochs count; one more comes before them.
    """

    model: str
    batch_size: int
    data: Callable[[Path | None], WorkloadData]
    contenders: tuple[str, ...]
    examples: int | None = None
    repetitions: int = 3


FULL = (
    Workload(
        model="mlp",
        batch_size=32,
        data=mnist_or_digits,
        contenders=(*IN_TORCH, ARITHMETIC, LIGHTNING, KERAS),
    ),
    Workload(
        model="lenet5",
        batch_size=128,
        data=mnist_or_digits,
        contenders=(*IN_TORCH, LIGHTNING, KERAS),
    ),
    Workload(
        model="resnet18",
        batch_size=64,
        data=svhn_gray_or_digits,
        examples=2_500,  # 2,000 to train on
        contenders=(OURS, DATA_LOADER, LIGHTNING, KERAS),  # a bare loop takes as long as ours
        repetitions=1,  # of half a minute, by each of four
    ),
)


def quick_workloads() -> tuple[Workload, ...]:
    """Return what shows that everything works: one epoch on digits.

    Each contender trains the MLP; the other networks differ from ours in Keras alone.
    """
    mlp, *others = (
        replace(workload, data=lambda _: embedded_digits(), repetitions=1) for workload in FULL
    )
    few = (replace(workload, examples=80, contenders=(OURS, KERAS)) for workload in others)
    return mlp, *few


def prepared(workload: Workload, data: WorkloadData, material: Material) -> dict[str, Any]:
    """Write what the contenders are given, and return what is to be said of it."""
    dataset = _first(data.dataset, workload.examples)
    recipe, indices = planned_training(
        dataset,
        spec=dataset_spec(dataset, data.asked),
        network=network_name(workload.model),
        recipe="assignment",
        overrides={"batch_size": workload.batch_size, "epochs": workload.repetitions + 1}
        | {"precision": "float32"},
        val_split=None,
        subset=1.0,
        seed=0,
        device_type="cpu",
    )
    network = recipe.model.model_dump()
    work = workload.batch_size * multiply_adds(build(**network), dataset.image_shape)
    threads = thread_count(work, usable_cpus())
    settings = Settings(
        model=workload.model,
        network=network,
        recipe_json=recipe.to_json(),
        batch_size=workload.batch_size,
        learning_rate=recipe.hyperparameters.lr,
        seed=recipe.seed,
        threads=threads,
        mean=recipe.mean[0],
        std=recipe.std[0],
    )
    positions: dict[Part, NDArray[np.int64]] = {
        "train": indices.train,
        "validation": indices.validation,
    }
    material.write(settings, dataset.train.images, dataset.train.labels, positions)
    return {
        "dataset": data.name,
        "batch_size": workload.batch_size,
        "images": len(indices.train),
        "validation_images": len(indices.validation),
        "threads": threads,
    }


def _first(dataset: Dataset, examples: int | None) -> Dataset:
    """Return the dataset with that many training examples; with all for None."""
    if examples is None:
        return dataset
    images, labels = dataset.train.images[:examples], dataset.train.labels[:examples]
    train = Split(images=images, labels=labels, sha256=split_sha256(images, labels))
    return dataset_from_splits(
        dataset.name, dataset.classes, {"train": train, "test": dataset.test}
    )
