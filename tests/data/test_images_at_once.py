import pytest

from data.images_at_once import images_at_once


@pytest.mark.parametrize(
    ("side", "at_once"), [(1, 256), (28, 256), (64, 256), (65, 248), (128, 64), (224, 20), (512, 4)]
)
def test_batch_has_no_more_pixels_than_one_of_small_images(side: int, at_once: int) -> None:
    assert images_at_once(256, (side, side)) == at_once
    assert side * side * at_once <= 256 * 64 * 64


def test_batch_of_very_large_images_is_as_large_as_the_least() -> None:
    assert images_at_once(256, (4096, 4096)) == 1
    assert images_at_once(256, (4096, 4096), least=16) == 16
    assert images_at_once(64, (32, 512)) == 16  # neither side alone decides
