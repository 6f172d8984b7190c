"""How a dataset's pixels are given to a graph: which input, layout, dtype, scale and batch size.

Our own exports take uint8 `images` [batch, C, H, W] and need none of this. A graph that somebody
else made tells its input's name, dtype and shape; what it cannot tell, the user says.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artifacts.choices import INPUT_DTYPES, InputDtype, Layout
from artifacts.evaluation_records import GraphInput, GraphOutput
from artifacts.export_records import TensorSpec
from artifacts.logits import Images, Logits
from errors import UsageError
from evaluate.graph_output import FLOATS, logits_reader
from evaluate.onnx_runtime import OnnxRunner

log = logging.getLogger("onnxproof")
Preparation = Callable[[Images], NDArray[np.generic]]  # images_NCHW to what the graph takes


@dataclass(frozen=True, kw_only=True)
class InputOptions:
    """What the user says about a graph's input; None is left to the graph."""

    scale: float | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    layout: Layout | None = None
    dtype: InputDtype | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """The options among them that were given."""
        values = {
            "--input-scale": self.scale,
            "--mean": self.mean,
            "--std": self.std,
            "--layout": self.layout,
            "--input-dtype": self.dtype,
        }
        return tuple(option for option, value in values.items() if value is not None)


def graph_input(
    inputs: Sequence[TensorSpec], image_shape: tuple[int, int, int], options: InputOptions
) -> GraphInput:
    """Return how images of that shape are given to the graph.

    Args:
        inputs: of the graph, those without a value of their own.
        image_shape: C, H, W of the dataset.
        options: what the user says.

    Raises:
        UsageError: the graph takes no such images, or an option does not fit it.
    """
    images = image_input(inputs)
    dtype = options.dtype or images.dtype
    if dtype != images.dtype:
        raise UsageError(
            "--input-dtype", f"{dtype}: the graph's input {images.name!r} is {images.dtype}"
        )
    batch = images.shape[0]
    channels = image_shape[0]
    std = _per_channel("--std", options.std, channels, 1.0)
    if min(std) <= 0:
        raise UsageError("--std", "wanted numbers above zero")
    mapped = GraphInput(
        name=images.name,
        dtype=dtype,
        layout=_layout(images, image_shape, options.layout),
        batch=batch if isinstance(batch, int) else None,
        scale=1.0 if options.scale is None else options.scale,
        mean=_per_channel("--mean", options.mean, channels, 0.0),
        std=std,
    )
    changes = {option for option in options.given if option in ("--input-scale", "--mean", "--std")}
    if changes and dtype not in FLOATS:
        raise UsageError(
            min(changes), f"the graph's input {images.name!r} takes {dtype} pixels as they are"
        )
    if not changes and dtype in FLOATS:
        log.warning(
            "input %r is given pixels from 0 to 255 as %s; where the graph does not scale them"
            " itself, say so with --input-scale, --mean and --std",
            images.name,
            dtype,
        )
    return mapped


def image_input(inputs: Sequence[TensorSpec]) -> TensorSpec:
    """Return the one input of a graph, which takes images.

    Raises:
        UsageError: there are others, it has not four dimensions, or it takes no pixels.
    """
    found = ", ".join(f"{spec.name} {spec.dtype} {list(spec.shape)}" for spec in inputs) or "none"
    if len(inputs) != 1:
        raise UsageError("--onnx", f"wanted a graph with one input, found {found}")
    (images,) = inputs
    if len(images.shape) != 4:
        raise UsageError("--onnx", f"wanted an input of four dimensions, found {found}")
    taken = f"the graph's input {images.name!r} takes"
    if images.dtype not in INPUT_DTYPES:
        raise UsageError(
            "--onnx", f"{taken} {images.dtype}: wanted one of {', '.join(INPUT_DTYPES)}"
        )
    batch, *sides = images.shape
    if isinstance(batch, int) and batch < 1:
        raise UsageError("--onnx", f"{taken} batches of {batch}: wanted 1 image or more")
    if any(isinstance(side, int) and side < 1 for side in sides):
        raise UsageError("--onnx", f"{taken} {list(images.shape)}: wanted images that have pixels")
    return images


def preparation(form: GraphInput) -> Preparation:
    """Return what makes the graph's input of uint8 images_NCHW."""
    is_nhwc = form.layout == "nhwc"
    # float32 as everywhere in this field; float64 only where the graph wants it.
    wide = np.dtype(np.float64 if form.dtype == "float64" else np.float32)
    mean = np.array(form.mean, dtype=wide).reshape(1, -1, 1, 1)
    std = np.array(form.std, dtype=wide).reshape(1, -1, 1, 1)
    is_changed = form.scale != 1 or bool(mean.any()) or bool((std != 1).any())

    def prepared(images: Images) -> NDArray[np.generic]:
        values: NDArray[np.generic] = images
        if is_changed:
            values = (images.astype(wide) * wide.type(form.scale) - mean) / std
        values = values.astype(form.dtype, copy=False)
        return np.ascontiguousarray(values.transpose(0, 2, 3, 1)) if is_nhwc else values

    return prepared


def logits_function(
    runner: OnnxRunner, form: GraphInput, output: GraphOutput
) -> Callable[[Images], Logits]:
    """Return what computes the logits of uint8 images_NCHW, any number of them, one or more.

    Where the graph fixes its batch size, images go in batches of that size; the last one is filled
    up with its first image, and what comes of the filling is dropped.

    It raises:
        ArtifactError: the graph gives another number of answers than it was given images.
        UnfinishedError: ONNX Runtime could not run the graph; or it gives no classes, or not always
            as many.
    """
    prepare, size, name = preparation(form), form.batch, output.name
    read = logits_reader(runner.name)

    def logits(images: Images) -> Logits:
        return read(runner.run(prepare(images), name), len(images))

    if size is None:
        return logits

    def in_fixed_batches(images: Images) -> Logits:
        parts = []
        for start in range(0, len(images), size):
            batch = images[start : start + size]
            missing = size - len(batch)
            if missing:
                batch = np.concatenate([batch, np.repeat(batch[:1], missing, axis=0)])
            parts.append(logits(batch)[: size - missing])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    return in_fixed_batches


def _layout(images: TensorSpec, image_shape: tuple[int, int, int], asked: Layout | None) -> Layout:
    channels, height, width = image_shape
    shapes: dict[Layout, tuple[int, int, int]] = {
        "nchw": image_shape,
        "nhwc": (height, width, channels),
    }
    fitting: list[Layout] = [
        layout
        for layout, shape in shapes.items()
        if all(
            not isinstance(wanted, int) or wanted == found
            for wanted, found in zip(images.shape[1:], shape, strict=True)
        )
    ]
    if asked is None and len(fitting) == 1:
        return fitting[0]
    if asked in fitting:
        return asked
    taken = f"the graph's input {images.name!r} takes {list(images.shape)}"
    has = f"the dataset has {channels} channels of {height}x{width} pixels"
    if not fitting or asked is not None:
        raise UsageError(
            "--layout" if fitting else "--onnx",
            f"{taken}; {has}",
            hint=_resizing_hint(images, channels),
        )
    raise UsageError("--layout", f"{taken}, which does not tell: say nchw or nhwc; {has}")


def _resizing_hint(images: TensorSpec, channels: int) -> str | None:
    """Return how to give the graph images of its size, where only that differs."""
    _, first, second, third = images.shape
    for found, height, width in ((first, second, third), (third, first, second)):
        if found == channels and isinstance(height, int) and isinstance(width, int):
            return f"resize the images as they are read: --image-size {height}x{width}"
    return None


def _per_channel(
    option: str, values: tuple[float, ...] | None, channels: int, default: float
) -> tuple[float, ...]:
    if values is None:
        return (default,) * channels
    if len(values) not in (1, channels):
        raise UsageError(option, f"wanted one number, or {channels} of them, found {len(values)}")
    return values * channels if len(values) == 1 else values
