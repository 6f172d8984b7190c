"""Keras' `fit`, in an environment that has Keras; a process of its own.

    python -m benchmarks.training.keras_fit FOLDER

Everything about `fit` is Keras' default, threads and compilation included. An epoch is counted
without what `fit` does before the first one (copying the images into a dataset of its own).
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np

from benchmarks.answering import Conversation
from benchmarks.training.keras_network import network
from benchmarks.training.material import Material
from benchmarks.training.turns import Turns

MANY_EPOCHS = 1_000  # the process ends when nobody asks for another one
THREAD_SETTINGS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


class InTurn(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not installed here
    """Each epoch waits for its turn."""

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self._turns = turns

    def on_epoch_begin(self, _epoch: int, _logs: object = None) -> None:
        """Wait."""
        self._turns.begin()

    def on_epoch_end(self, _epoch: int, _logs: object = None) -> None:
        """Tell."""
        self._turns.end()


def main() -> None:
    """Tell the facts, then train an epoch for each question."""
    material = Material(Path(sys.argv[1]))
    settings = material.settings()
    conversation = Conversation()
    images = _channels_last(material.normalized("train"))
    keras.utils.set_random_seed(settings.seed)
    trained = network(settings.model, images.shape[1:])
    trained.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],  # which ours counts too
    )
    turns = Turns(conversation, lambda: {"correct": _correct_count(trained, material)})
    conversation.tell(_facts(trained))
    trained.fit(
        images,
        material.labels("train"),
        batch_size=settings.batch_size,
        epochs=MANY_EPOCHS,
        verbose=0,
        callbacks=[InTurn(turns)],
    )


def _channels_last(images_NCHW: Any) -> Any:
    return np.moveaxis(images_NCHW, 1, -1)  # as Keras has them on a CPU


def _correct_count(trained: keras.Model, material: Material) -> int:
    return sum(
        int((trained.predict_on_batch(_channels_last(images)).argmax(axis=1) == labels).sum())
        for images, labels in material.validation_batches()
    )


def _facts(trained: keras.Model) -> dict[str, Any]:
    backend = keras.backend.backend()
    return {
        "versions": {"keras": keras.__version__, backend: version(backend)},
        "parameters": sum(int(np.prod(weight.shape)) for weight in trained.trainable_weights),
        # By default TensorFlow takes as many threads as there are CPUs for an operation.
        "cpus": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "thread_settings": {key: os.environ[key] for key in THREAD_SETTINGS if key in os.environ},
    }


if __name__ == "__main__":
    main()
