import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from artifacts.training_records import Augmentation
from trainers.augmentation import Draws, augmented, draw
from trainers.batches import generator_for

ALL = Augmentation(shift=0.1, rotation=15, scale=0.2, cutout=0.25)


def images(count: int = 5, height: int = 12, width: int = 9) -> torch.Tensor:
    return torch.rand((count, 2, height, width), generator=generator_for(1))


def draws(*affine: float, cutout: tuple[float, float] = (0.5, 0.5)) -> Draws:
    return Draws(
        affine_N23=torch.tensor(affine, dtype=torch.float32).view(1, 2, 3),
        cutout_N2=torch.tensor([cutout], dtype=torch.float32),
    )


def test_images_stay_as_they_are_without_augmentation() -> None:
    nothing = Augmentation()
    given_images = images()
    changed = augmented(given_images, draw(nothing, 5, (12, 9), generator_for(0)), nothing)
    assert torch.equal(changed, given_images)


def test_images_stay_as_they_are_when_nothing_was_drawn() -> None:
    given_images = images(1)
    unmoved = draws(1, 0, 0, 0, 1, 0)
    moved = augmented(given_images, unmoved, Augmentation(shift=0.1, rotation=5, scale=0.1))
    torch.testing.assert_close(moved, given_images, atol=1e-6, rtol=0)


def test_change_is_that_of_torch_s_own_grid() -> None:
    moved = Augmentation(shift=0.1, rotation=15, scale=0.2)
    drawn = draw(moved, 5, (12, 9), generator_for(0))
    affine = list(drawn.affine_N23.unbind())
    grid = torch.nn.functional.affine_grid(torch.stack(affine), [5, 2, 12, 9], align_corners=False)
    wanted = torch.nn.functional.grid_sample(
        images(), grid, padding_mode="border", align_corners=False
    )
    torch.testing.assert_close(augmented(images(), drawn, moved), wanted, atol=1e-5, rtol=0)


def test_shift_moves_whole_pixels_and_repeats_the_border() -> None:
    given_images = images(1, 8, 8)
    by_two = draws(1, 0, 2 * 2 / 8, 0, 1, 0)  # coordinates span two units
    moved = augmented(given_images, by_two, Augmentation(shift=0.25))
    torch.testing.assert_close(moved[..., :6], given_images[..., 2:], atol=1e-6, rtol=0)
    torch.testing.assert_close(moved[..., 6], given_images[..., 7], atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [(40, 40), (30, 60), (60, 30)])
def test_rotation_does_not_distort_oblong_images(size: tuple[int, int]) -> None:
    height, width = size
    y, x = np.mgrid[:height, :width]
    center = ((height - 1) / 2, (width - 1) / 2)
    bar = (np.abs(y - center[0]) < 3) & (np.abs(x - center[1]) < 11)
    image = ndimage.gaussian_filter(bar.astype(np.float32), 1.5)
    turn = Augmentation(rotation=30)
    drawn = draw(turn, 1, size, generator_for(1))
    sine = drawn.affine_N23[0, 1, 0].item() * height / width
    angle = math.degrees(math.asin(sine))
    assert abs(angle) > 10
    turned = augmented(torch.from_numpy(image)[None, None], drawn, turn)[0, 0].numpy()
    wanted = ndimage.rotate(image, angle, reshape=False, order=1)
    assert np.abs(turned - wanted).max() < 0.05
    assert np.abs(turned - image).max() > 0.3


@given(
    shift=st.floats(0, 1),
    rotation=st.floats(0, 89),
    scale=st.floats(0, 0.99),
    seed=st.integers(0, 1000),
)
def test_draws_stay_within_bounds_and_never_mirror(
    shift: float, rotation: float, scale: float, seed: int
) -> None:
    chosen = Augmentation(shift=shift, rotation=rotation, scale=scale)
    affine = draw(chosen, 20, (10, 10), generator_for(seed)).affine_N23
    zoom = torch.linalg.det(affine[:, :, :2]).sqrt()
    angle = torch.rad2deg(torch.atan2(affine[:, 1, 0], affine[:, 0, 0]))
    assert (torch.linalg.det(affine[:, :, :2]) > 0).all()
    assert (zoom <= (1 + scale) * (1 + 1e-4)).all()
    assert (zoom >= (1 - 1e-4) / (1 + scale)).all()
    assert (angle.abs() <= rotation + 1e-3).all()
    assert (affine[:, :, 2].abs() <= 2 * shift + 1e-6).all()


def test_draws_use_the_whole_range() -> None:
    affine = draw(ALL, 4000, (10, 10), generator_for(0)).affine_N23
    zoom = torch.linalg.det(affine[:, :, :2]).sqrt()
    assert zoom.max() > 1.19
    assert zoom.min() < 1 / 1.19
    for axis in (0, 1):
        assert affine[:, axis, 2].max() > 0.199
        assert affine[:, axis, 2].min() < -0.199


def test_changes_are_drawn_independently_of_each_other() -> None:
    drawn = draw(ALL, 4000, (10, 10), generator_for(0))
    affine = drawn.affine_N23
    changes = [
        torch.atan2(affine[:, 1, 0], affine[:, 0, 0]),
        torch.linalg.det(affine[:, :, :2]),
        *affine[:, :, 2].T,
        *drawn.cutout_N2.T,
    ]
    correlations = np.corrcoef(torch.stack(changes).numpy())
    assert np.abs(correlations - np.eye(6)).max() < 0.06  # four standard deviations


@pytest.mark.parametrize(
    ("center", "zeros"), [((0.5, 0.5), 16), ((0.0, 0.0), 4), ((1.0, 0.5), 8), ((0.51, 0.49), 16)]
)
def test_cutout_takes_a_square_out(center: tuple[float, float], zeros: int) -> None:
    ones = torch.ones(1, 3, 16, 20)
    cut = augmented(ones, draws(1, 0, 0, 0, 1, 0, cutout=center), Augmentation(cutout=0.25))
    for channel in cut[0]:
        rows, columns = torch.nonzero(channel == 0, as_tuple=True)
        assert len(rows) == zeros
        assert (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1) == zeros
    assert (cut[cut != 0] == 1).all()


@given(
    share=st.floats(0.01, 1), row=st.floats(0, 1), column=st.floats(0, 1), height=st.integers(2, 20)
)
def test_cutout_is_within_half_its_side_of_its_center(
    share: float, row: float, column: float, height: int
) -> None:
    width = 11
    cut = augmented(
        torch.ones(1, 1, height, width),
        draws(1, 0, 0, 0, 1, 0, cutout=(row, column)),
        Augmentation(cutout=share),
    )
    half = share * min(height, width) / 2
    y, x = np.mgrid[:height, :width] + 0.5
    distance = np.maximum(np.abs(y - row * height), np.abs(x - column * width))
    is_out = cut[0, 0].numpy() == 0
    assert is_out[distance < half - 1e-4].all()
    assert not is_out[distance > half + 1e-4].any()


def test_centers_of_cutouts_are_spread_over_the_image() -> None:
    centers = draw(ALL, 4000, (10, 10), generator_for(0)).cutout_N2
    assert 0 <= centers.min() < 0.01
    assert 0.99 < centers.max() < 1
    torch.testing.assert_close(centers.mean(dim=0), torch.full((2,), 0.5), atol=0.02, rtol=0)


def test_no_images_are_augmented_to_none() -> None:
    # A process may have no part in the last batch.
    nothing = draw(ALL, 4, (8, 8), generator_for(0)).of(torch.zeros(0, dtype=torch.int64))
    assert augmented(torch.zeros(0, 1, 8, 8), nothing, ALL).shape == (0, 1, 8, 8)


def test_draws_follow_the_seed_and_parts_of_them_are_parts() -> None:
    one, again = (draw(ALL, 9, (8, 8), generator_for(1, 2, 3)) for _ in range(2))
    other = draw(ALL, 9, (8, 8), generator_for(1, 2, 4))
    for name in ("affine_N23", "cutout_N2"):
        assert torch.equal(getattr(one, name), getattr(again, name))
        assert not torch.equal(getattr(one, name), getattr(other, name))
    rows = torch.tensor([7, 0, 3])
    given_images = images(9, 8, 8)
    part = augmented(given_images[rows], one.of(rows), ALL)
    torch.testing.assert_close(part, augmented(given_images, one, ALL)[rows])
