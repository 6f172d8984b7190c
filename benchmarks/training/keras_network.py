"""The networks of the workloads in Keras: the same layers and sizes as in `models/`; logits out."""

import sys
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

CLASSES = 10
STAGE_CHANNELS = (64, 128, 256, 512)  # of a ResNet-18, two blocks each


def network(model: str, image_shape: tuple[int, ...]) -> keras.Model:
    """Return the network that onnxproof calls by that name, for small images, channels last."""
    if model not in NETWORKS:
        sys.exit(f"unknown network {model!r}: wanted one of {', '.join(NETWORKS)}")
    images = keras.Input(image_shape)
    return keras.Model(images, layers.Dense(CLASSES)(NETWORKS[model](images)))


def _mlp(images: Any) -> Any:
    hidden = layers.Dense(128, activation="relu")(layers.Flatten()(images))
    return layers.Dense(64, activation="relu")(hidden)


def _lenet5(images: Any) -> Any:
    x = layers.Conv2D(6, 5, activation="relu")(layers.ZeroPadding2D(2)(images))
    x = layers.Conv2D(16, 5, activation="relu")(layers.MaxPooling2D()(x))
    x = layers.Flatten()(layers.MaxPooling2D()(x))
    return layers.Dense(84, activation="relu")(layers.Dense(120, activation="relu")(x))


def _resnet18(images: Any) -> Any:
    x = layers.ReLU()(_normed_convolution(images, STAGE_CHANNELS[0], 3))
    for channels in STAGE_CHANNELS:
        for block in range(2):
            x = _residual_block(
                x, channels, 2 if block == 0 and channels > STAGE_CHANNELS[0] else 1
            )
    return layers.GlobalAveragePooling2D()(x)


def _residual_block(x: Any, channels: int, stride: int) -> Any:
    inner = layers.ReLU()(_normed_convolution(x, channels, 3, stride))
    inner = _normed_convolution(inner, channels, 3)
    shortcut = x if stride == 1 else _normed_convolution(x, channels, 1, stride)
    return layers.ReLU()(layers.Add()([inner, shortcut]))


def _normed_convolution(x: Any, channels: int, kernel: int, stride: int = 1) -> Any:
    """Convolution and batch normalization, with torchvision's initial values and constants."""
    convolution = layers.Conv2D(
        channels,
        kernel,
        strides=stride,
        padding="same",  # at stride 2 it pads one side more than torch, which pads both alike
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal"),
    )
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(convolution(x))


NETWORKS: dict[str, Callable[[Any], Any]] = {"mlp": _mlp, "lenet5": _lenet5, "resnet18": _resnet18}
