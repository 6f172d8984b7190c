"""Studies of architectures with chosen answers and latencies, for tests to change one thing of."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from artifacts.accuracy_records import AccuracyRecord, ClassAccuracy
from artifacts.architecture_records import ArchitectureStudy, StudiedNetwork
from artifacts.files import sha256_of_bytes
from artifacts.training_records import Epoch
from evaluate.side_by_side import pairs_of
from report.architecture_advice import advice_on_networks
from tests.artifacts.conftest import ENVIRONMENT, RECIPE, TRAINING
from tests.evaluate.records import CPU, PROOF, accuracy_of
from tests.report.evaluations import evaluation_of, timed

EXAMPLES = 1000  # test images
Right = NDArray[np.bool_]


def right_of(*wrong: range) -> Right:
    """All test images right but these."""
    right_N = np.ones(EXAMPLES, dtype=np.bool_)
    for part in wrong:
        right_N[part.start : part.stop] = False
    return right_N


def network_of(
    name: str,
    right_N: Right,
    medians: Mapping[int, float],
    *,
    passed: bool = True,
    epoch_seconds: float = 1.0,
) -> StudiedNetwork:
    """A network with these answers, and these median latencies in ms by batch size."""
    checkpoint_sha256 = sha256_of_bytes(name.encode())
    evaluation = evaluation_of(
        int(right_N.sum()),
        latency=tuple(
            timed(median, batch_size=size, p90_ms=None) for size, median in medians.items()
        ),
        model={"name": name, "checkpoint_sha256": checkpoint_sha256},
        verdict="pass" if passed else "fail",
        failures=() if passed else ("parity: 1 flip",),
    )
    accuracy = _accuracy(int(right_N.sum()))
    cpu = {"requested": "cpu", "session": (CPU,), "nodes": {CPU: 16}}
    return StudiedNetwork(
        run=name,
        hyperparameters=RECIPE.hyperparameters,
        training=TRAINING.model_copy(
            update={"checkpoint_sha256": checkpoint_sha256, "epochs": 2, "best_epoch": 2}
        ),
        history=tuple(_epoch(number, epoch_seconds) for number in (1, 2)),
        multiply_adds=1000 * len(name),
        evaluation=evaluation.model_copy(
            update={"accuracy": accuracy, "provider": PROOF.model_copy(update=cpu)}
        ),
    )


def study_of(networks: Sequence[StudiedNetwork], right: Sequence[Right]) -> ArchitectureStudy:
    """The study of networks with these answers."""
    names = [network.name for network in networks]
    pairs = pairs_of(dict(zip(names, right, strict=True)))
    return ArchitectureStudy(
        epochs=2,
        subset=1.0,
        seed=0,
        train_examples=RECIPE.train_examples,
        val_examples=RECIPE.val_examples,
        networks=tuple(networks),
        pairs=pairs,
        advice=advice_on_networks(networks, pairs),
        environment=ENVIRONMENT,
        command="python cli.py study architectures",
    )


def three_networks() -> ArchitectureStudy:
    """A fast one, a better one, and one that is slower than that and no better by chance."""
    right = {
        "lenet5": right_of(range(60)),
        "resnet18": right_of(range(20)),
        "resnet50": right_of(range(10, 28)),
    }
    medians = {"lenet5": 0.1, "resnet18": 5.0, "resnet50": 20.0}
    networks = [
        network_of(name, right[name], {1: median, 32: 20 * median}, epoch_seconds=10 * median)
        for name, median in medians.items()
    ]
    return study_of(networks, list(right.values()))


def _accuracy(correct: int) -> AccuracyRecord:
    """So many right of two classes, which have as many examples each."""
    half = EXAMPLES // 2
    counts = (correct // 2, correct - correct // 2)
    return accuracy_of(correct, EXAMPLES).model_copy(
        update={
            "per_class": tuple(
                ClassAccuracy(label=label, correct=count, examples=half)
                for label, count in zip("ab", counts, strict=True)
            ),
            "confusion": (
                (counts[0], half - counts[0]),
                (half - counts[1], counts[1]),
            ),
        }
    )


def _epoch(number: int, seconds: float) -> Epoch:
    return Epoch(
        epoch=number,
        learning_rate=0.1,
        train_loss=1 / number,
        train_accuracy=0.8,
        val_loss=1 / number,
        val_accuracy=0.7 + number / 10,
        seconds=seconds,
        images_per_second=100.0,
    )
