"""Keras' `fit` on the same images, in an interpreter that has Keras; started by training_speed.

    python benchmarks/keras_fit.py MODEL IMAGES.npy LABELS.npy BATCH_SIZE

First it prints what it runs on; then for each line on standard input it runs one epoch and prints
its seconds; all of it lines of JSON. It waits without computing in between, so that it can take
turns with the others. Everything about `fit` is Keras' default, threads and compilation included.
"""

import json
import os
import sys
import time
from importlib.metadata import version
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np


class EpochClock(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not installed here
    """The seconds of an epoch, without what `fit` does before its first one.

    That (copying the images into a dataset of its own) a training does once, however long it is;
    counted in each epoch it would make Keras look slower than it is.
    """

    seconds = 0.0
    _start = 0.0

    def on_epoch_begin(self, _epoch: int, _logs: object = None) -> None:
        """Start the clock."""
        self._start = time.perf_counter()

    def on_epoch_end(self, _epoch: int, _logs: object = None) -> None:
        """Read it."""
        self.seconds = time.perf_counter() - self._start


def network(model: str, image_shape: tuple[int, ...]) -> keras.Model:
    """Return the network that onnxproof calls by that name; logits out."""
    layers = keras.layers
    if model == "mlp":
        inner = [
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(64, activation="relu"),
        ]
    elif model == "lenet5":
        inner = [
            layers.ZeroPadding2D(2),
            layers.Conv2D(6, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
        ]
    else:
        sys.exit(f"unknown network {model!r}: wanted mlp or lenet5")
    return keras.Sequential([keras.Input(image_shape), *inner, layers.Dense(10)])


def main() -> None:
    """Tell the facts, then answer each line with the seconds of an epoch."""
    model, images_path, labels_path, batch_size = sys.argv[1:]
    images, labels = np.load(images_path), np.load(labels_path)
    images = images[..., None]  # channels last, as Keras has them on a CPU
    trained = network(model, images.shape[1:])
    trained.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],  # which ours counts too
    )
    _tell(_facts(trained))
    for _ in sys.stdin:
        clock = EpochClock()
        start, cpu_start = time.perf_counter(), time.process_time()
        trained.fit(
            images,
            labels,
            batch_size=int(batch_size),
            epochs=1,
            verbose=0,
            shuffle=True,
            callbacks=[clock],
        )
        fit_seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        _tell({"seconds": clock.seconds, "fit_seconds": fit_seconds, "cpu_seconds": cpu_seconds})


def _facts(trained: keras.Model) -> dict[str, Any]:
    backend = keras.backend.backend()
    linux = hasattr(os, "sched_getaffinity")
    return {
        "keras": keras.__version__,
        "backend": backend,
        backend: version(backend),
        "parameters": trained.count_params(),
        # By default TensorFlow takes as many threads as this for an operation.
        "cpus": len(os.sched_getaffinity(0)) if linux else os.cpu_count(),
        "thread_settings": {key: text for key, text in os.environ.items() if _sets_threads(key)},
    }


def _sets_threads(variable: str) -> bool:
    return variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def _tell(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
