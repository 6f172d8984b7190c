import numpy as np

from artifacts.logits import Images, Logits, Tolerance
from evaluate.batch_independence import batch_independence
from evaluate.gates import independence_failures
from tests.evaluate.onnx_files import images_of, linear

TOLERANCE = Tolerance(name="test", atol=1e-3, rtol=0)
IMAGES = images_of(40)


def normalized_by_the_batch(images: Images) -> Logits:
    pixels = images.astype(np.float32)
    normalized: Logits = linear(pixels - pixels.mean(axis=0))
    return normalized


def test_image_that_is_answered_alone_as_among_others_passes() -> None:
    record = batch_independence(linear, IMAGES, batch_size=8, tolerance=TOLERANCE)
    assert record is not None
    assert (record.examples, record.max_abs, record.within_tolerance) == (8, 0, True)
    assert independence_failures(record) == []


def test_normalizing_by_the_batch_is_found() -> None:
    record = batch_independence(normalized_by_the_batch, IMAGES, batch_size=32, tolerance=TOLERANCE)
    assert record is not None
    assert record.examples == 16
    assert record.max_abs is not None
    assert record.max_abs > 1
    (failure,) = independence_failures(record)
    assert failure.startswith("batch: an image gets other logits alone than among others, by up to")


def test_logits_that_are_no_numbers_do_not_pass() -> None:
    def alone_only(images: Images) -> Logits:
        return linear(images) if len(images) > 1 else np.full((1, 3), np.nan, np.float32)

    record = batch_independence(alone_only, IMAGES, batch_size=8, tolerance=TOLERANCE)
    assert record is not None
    assert (record.max_abs, record.within_tolerance) == (None, False)
    assert len(independence_failures(record)) == 1


def test_nothing_is_claimed_of_batches_of_one() -> None:
    assert batch_independence(linear, IMAGES, batch_size=1, tolerance=TOLERANCE) is None
    assert batch_independence(linear, IMAGES[:1], batch_size=8, tolerance=TOLERANCE) is None
    assert independence_failures(None) == []
