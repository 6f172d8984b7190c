"""The embedded dataset: scikit-learn's 1,797 handwritten digits, scaled to 28x28.

They are the test part of the UCI set "Optical Recognition of Handwritten Digits" (Alpaydin and
Kaynak 1998), 8x8 pixels with values 0 to 16, and come inside the scikit-learn package, so that they
need no network.
"""

import numpy as np
from numpy.typing import NDArray

from data.dataset import RawDataset
from data.resizing import resized_images

DIGIT_CLASSES = tuple("0123456789")
SIDE = 28  # as in MNIST, so that the networks written for it fit
EVERY_NTH_IS_TEST = 5


def read_digits() -> RawDataset:
    """Return the digits as uint8 `[N, 1, 28, 28]`: 1,442 for training, 355 for testing.

    Nothing is drawn at random: within each class every fifth example, in scikit-learn's order, is a
    test example, so that both splits have the same mixture of classes on every machine.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images_NCHW = _enlarged(bunch.images)
    labels_N = bunch.target.astype(np.int64)
    is_test_N = every_nth_of_each_class(labels_N)
    return RawDataset(
        train_images=images_NCHW[~is_test_N],
        train_labels=labels_N[~is_test_N],
        test_images=images_NCHW[is_test_N],
        test_labels=labels_N[is_test_N],
        classes=DIGIT_CLASSES,
    )


def every_nth_of_each_class(labels_N: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return a mask `[N]` that is true for the 5th, 10th, 15th ... example of each class."""
    mask_N = np.zeros(len(labels_N), dtype=np.bool_)
    for label in np.unique(labels_N):
        members = np.flatnonzero(labels_N == label)
        mask_N[members[EVERY_NTH_IS_TEST - 1 :: EVERY_NTH_IS_TEST]] = True
    return mask_N


def _enlarged(images_NHW: NDArray[np.float64]) -> NDArray[np.uint8]:
    pixels_NHW = np.rint(images_NHW * (255 / 16)).astype(np.uint8)
    return resized_images(pixels_NHW[:, np.newaxis], (SIDE, SIDE))
