"""Images in another size: the one way, for files and for arrays (the rules: `data.images`)."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # at run time Pillow is loaded only where an image is
    from PIL.Image import Image

Size = tuple[int, int]  # height, width in pixels


def resized(image: "Image", size: Size) -> "Image":
    """Return a Pillow image in this size."""
    from PIL.Image import Resampling

    height, width = size
    # Bilinear never leaves 0..255, so nothing is clipped.
    return image.resize((width, height), Resampling.BILINEAR)


def resized_images(images_NCHW: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Return images in this size, each channel on its own; the same array where they have it."""
    from PIL import Image

    examples, channels = images_NCHW.shape[:2]
    if images_NCHW.shape[2:] == size:
        return images_NCHW
    resized_NCHW = np.empty((examples, channels, *size), dtype=np.uint8)
    for index in range(examples):
        for channel in range(channels):
            plane_HW = np.ascontiguousarray(images_NCHW[index, channel])
            resized_NCHW[index, channel] = np.asarray(resized(Image.fromarray(plane_HW), size))
    return resized_NCHW
