"""How many images go through a network at once: fewer where they are large."""

from collections.abc import Sequence

FULL_BATCH_PIXELS = 64 * 64


def images_at_once(most: int, image_size: Sequence[int], *, least: int = 1) -> int:
    """Return a batch size whose images have no more pixels than `most` of 64x64.

    What a network holds in memory, and how long it takes, grows with the pixels of a batch: 256
    images of 224x224 would take minutes and gigabytes where those of 64x64 take seconds.

    Args:
        most: for images of up to 64x64 pixels.
        image_size: height and width in pixels.
        least: for images of any size.
    """
    height, width = image_size
    return max(least, min(most, most * FULL_BATCH_PIXELS // (height * width)))
