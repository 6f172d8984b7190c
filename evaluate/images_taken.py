"""Which images a graph takes, where the graph alone can tell."""

import shlex

from artifacts.choices import Layout
from artifacts.export_records import TensorSpec
from errors import UsageError

IMAGE_CHANNELS = (1, 3)  # grey, RGB: what a file gives


def images_taken(
    images: TensorSpec, asked: Layout | None, asked_by: str
) -> tuple[Layout, tuple[int, int, int]]:
    """Return the layout, and C, H, W, of the images that an input takes.

    Args:
        images: the input.
        asked: the layout that the user says, if any.
        asked_by: the option that named the network.

    Raises:
        UsageError: it takes other images than grey or RGB ones, or does not tell their size.
    """
    _, first, second, third = images.shape
    shapes: dict[Layout, tuple[int | str, int | str, int | str]] = {
        "nchw": (first, second, third),
        "nhwc": (third, first, second),
    }
    taken = f"the graph's input {images.name!r} takes {list(images.shape)}"
    fitting = [
        layout
        for layout, shape in shapes.items()
        if shape[0] in IMAGE_CHANNELS and asked in (None, layout)
    ]
    if not fitting:
        where = f" as {asked}" if asked else ""
        raise UsageError(asked_by, f"{taken}{where}: wanted images of 1 channel (grey) or 3 (RGB)")
    if len(fitting) > 1:
        raise UsageError("--layout", f"{taken}, which does not tell: say nchw or nhwc")
    sides = dict(zip(("channels", "height", "width"), shapes[fitting[0]], strict=True))
    fixed = [length for length in sides.values() if isinstance(length, int)]
    if len(fixed) < len(sides):
        dynamic = " and ".join(f"{n} ({v})" for n, v in sides.items() if isinstance(v, str))
        shape = ",".join(str(v) if isinstance(v, int) else "N" for v in (1, *images.shape[1:]))
        raise UsageError(
            asked_by,
            f"{taken}: {dynamic} not fixed, but an image has to be resized to something",
            hint="fix it with: python -m onnxruntime.tools.make_dynamic_shape_fixed"
            f" --input_name {shlex.quote(images.name)} --input_shape {shape} MODEL FIXED",
        )
    channels, height, width = fixed
    return fitting[0], (channels, height, width)
