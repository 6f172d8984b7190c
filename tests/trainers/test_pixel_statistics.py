import numpy as np

from trainers.pixel_statistics import pixel_statistics


def test_pixel_statistics_are_numpy_s() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2500, 3, 5, 4)).astype(np.uint8)
    indices = np.arange(0, 2500, 2)
    mean, std = pixel_statistics(images, indices)
    np.testing.assert_allclose(mean, images[indices].mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(std, images[indices].std(axis=(0, 2, 3)), rtol=1e-9)


def test_pixel_statistics_of_a_channel_that_never_changes_can_be_divided_by() -> None:
    images = np.full((4, 1, 2, 2), 7, dtype=np.uint8)
    assert pixel_statistics(images, np.arange(4)) == ((7.0,), (1.0,))
