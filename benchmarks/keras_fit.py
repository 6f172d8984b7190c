"""Keras' `fit` on the same images, in an interpreter that has Keras; started by training_speed.

    python benchmarks/keras_fit.py MODEL IMAGES.npy LABELS.npy BATCH_SIZE

For each line on standard input it runs one epoch and prints its seconds as a line of JSON, so that
it can take turns with the others. It waits without computing in between.
"""

import json
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np


def network(model: str, image_shape: tuple[int, ...]) -> keras.Model:
    """Return the network that onnxproof calls by that name; logits out."""
    layers = keras.layers
    if model == "mlp":
        inner = [
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(64, activation="relu"),
        ]
    else:
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
    return keras.Sequential([keras.Input(image_shape), *inner, layers.Dense(10)])


def main() -> None:
    """Answer each line with the seconds of an epoch."""
    model, images_path, labels_path, batch_size = sys.argv[1:]
    images, labels = np.load(images_path), np.load(labels_path)
    images = images[..., None]  # channels last, as Keras has them on a CPU
    trained = network(model, images.shape[1:])
    trained.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    for _ in sys.stdin:
        start = time.perf_counter()
        trained.fit(images, labels, batch_size=int(batch_size), epochs=1, verbose=0)
        seconds = time.perf_counter() - start
        sys.stdout.write(
            json.dumps(
                {
                    "seconds": seconds,
                    "parameters": trained.count_params(),
                    "keras": keras.__version__,
                    "backend": keras.backend.backend(),
                }
            )
            + "\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
