import numpy as np
from sklearn.datasets import load_digits

from data import load_dataset
from data.digits import every_nth_of_each_class

# Training and published figures rest on these bytes: where a new Pillow or scikit-learn changes
# them, this must be noticed.
SHA256 = "879c9a1bd94aad4ffd2c187a5b262098707dd2364f12f90cfed53d0d53c93669"


def test_digits_are_the_recorded_bytes() -> None:
    dataset = load_dataset("digits")
    assert (dataset.name, dataset.image_shape) == ("digits", (1, 28, 28))
    assert (len(dataset.train), len(dataset.test)) == (1442, 355)
    assert dataset.sha256 == SHA256


def test_every_fifth_of_each_class_is_test() -> None:
    seen = dict.fromkeys(range(10), 0)
    wanted = []
    labels = load_digits().target
    for label in labels:
        seen[label] += 1
        wanted.append(seen[label] % 5 == 0)
    assert every_nth_of_each_class(labels).tolist() == wanted
    assert load_dataset("digits").test.labels.tolist() == labels[np.array(wanted)].tolist()


def test_digits_look_like_scikit_learns() -> None:
    bunch = load_digits()
    is_test = every_nth_of_each_class(bunch.target)
    for split, mask in (("train", ~is_test), ("test", is_test)):
        images = getattr(load_dataset("digits"), split).images
        # Linear interpolation written out: weights of 8 source pixels for each of 28 targets.
        centres = (np.arange(28) + 0.5) * 8 / 28 - 0.5
        weights = np.clip(1 - np.abs(centres[:, None] - np.arange(8)), 0, None)
        weights /= weights.sum(axis=1, keepdims=True)
        by_hand = weights @ (bunch.images[mask] * 255 / 16) @ weights.T
        assert np.abs(images[:, 0] - by_hand).max() <= 2


def test_digits_splits_share_the_mixture_of_classes() -> None:
    dataset = load_dataset("digits")
    train, test = (np.bincount(split.labels) for split in (dataset.train, dataset.test))
    assert np.abs(test / (train + test) - 0.2).max() < 0.01
