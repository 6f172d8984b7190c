import numpy as np
import pytest

from data.checks import checked_splits, one_line
from data.dataset import RawDataset
from errors import DatasetError, UnfinishedError
from tests.data.conftest import Arrays


def check(arrays: Arrays, classes: tuple[str, ...] | None = None) -> tuple[str, ...]:
    raw = RawDataset(
        train_images=arrays["train_images"],
        train_labels=arrays["train_labels"],
        test_images=arrays["test_images"],
        test_labels=arrays["test_labels"],
        classes=classes,
    )
    return checked_splits(raw, "some.npz")[0]


def problem(arrays: Arrays, classes: tuple[str, ...] | None = None) -> str:
    with pytest.raises(DatasetError) as caught:
        check(arrays, classes)
    assert caught.value.subject == "some.npz"
    assert "\n" not in str(caught.value)
    return caught.value.problem


def with_label(arrays: Arrays, key: str, index: int, label: int) -> Arrays:
    labels = arrays[key].astype(np.int64)
    labels[index] = label
    return {**arrays, key: labels}


def test_checks_pass_when_every_rule_is_kept(arrays: Arrays) -> None:
    assert check(arrays) == ("0", "1", "2")
    assert check(arrays, ("cat", "dog", "eel", "unseen")) == ("cat", "dog", "eel", "unseen")


@pytest.mark.parametrize("split", ["train", "test"])
def test_images_refused_when_not_uint8(arrays: Arrays, split: str) -> None:
    arrays[f"{split}_images"] = arrays[f"{split}_images"].astype(np.float32)
    assert problem(arrays) == f"{split}: images are float32, wanted uint8"


def test_images_refused_when_not_four_dimensions(arrays: Arrays) -> None:
    arrays["test_images"] = arrays["test_images"].reshape(6, -1)
    assert problem(arrays) == "test: images have shape [6, 60], wanted [N, C, H, W]"


@pytest.mark.parametrize("split", ["train", "test"])
def test_split_refused_when_empty(arrays: Arrays, split: str) -> None:
    arrays[f"{split}_images"] = arrays[f"{split}_images"][:0]
    arrays[f"{split}_labels"] = arrays[f"{split}_labels"][:0]
    assert problem(arrays) == f"{split}: no images, wanted at least one"


@pytest.mark.parametrize("channels", [0, 5])
def test_images_refused_when_axes_are_in_another_order(arrays: Arrays, channels: int) -> None:
    arrays["train_images"] = np.zeros((12, channels, 4, 3), dtype=np.uint8)
    assert f"{channels} channels: wanted [N, C, H, W]" in problem(arrays)


def test_images_refused_when_without_pixels(arrays: Arrays) -> None:
    arrays["train_images"] = np.zeros((12, 3, 0, 4), dtype=np.uint8)
    assert problem(arrays) == "train: images of 0x4 pixels"


def test_splits_refused_when_shapes_differ(arrays: Arrays) -> None:
    arrays["test_images"] = arrays["test_images"][:, :, :4]
    assert "train has images [C, H, W] = [3, 5, 4], test has [3, 4, 4]" in problem(arrays)


def test_labels_refused_when_two_dimensions(arrays: Arrays) -> None:
    arrays["train_labels"] = arrays["train_labels"].reshape(-1, 1)
    assert problem(arrays) == "train: labels have shape [12, 1], wanted one dimension"


@pytest.mark.parametrize("dtype", ["float64", "bool", "<U1"])
def test_labels_refused_when_not_whole_numbers(arrays: Arrays, dtype: str) -> None:
    arrays["test_labels"] = arrays["test_labels"].astype(dtype)
    assert problem(arrays) == f"test: labels are {dtype}, wanted whole numbers"


@pytest.mark.parametrize("split", ["train", "test"])
def test_labels_refused_when_fewer_than_images(arrays: Arrays, split: str) -> None:
    arrays[f"{split}_labels"] = arrays[f"{split}_labels"][:-1]
    assert f"{split}: {len(arrays[f'{split}_labels'])} labels for" in problem(arrays)


def test_labels_refused_when_negative(arrays: Arrays) -> None:
    assert (
        problem(with_label(arrays, "train_labels", 4, -1))
        == "train: label -1 of example 4 is outside 0..2"
    )


def test_test_label_refused_when_no_class_of_training(arrays: Arrays) -> None:
    two = with_label(with_label(arrays, "test_labels", 3, 3), "test_labels", 5, 9)
    assert problem(two) == "test: label 3 of example 3 is outside 0..2 (2 such labels)"


@pytest.mark.parametrize("label", [200, 255, 2**40])
def test_train_label_refused_when_most_classes_would_be_empty(arrays: Arrays, label: int) -> None:
    told = problem(with_label(arrays, "train_labels", 7, label))
    assert told.startswith(f"train: label {label} of example 7 makes {label + 1} classes")


def test_train_label_accepted_when_half_of_the_classes_have_images(arrays: Arrays) -> None:
    arrays["train_labels"] = np.array([0, 2, 5] * 4)
    arrays["test_labels"] = np.array([0, 1, 2, 3, 4, 5])
    assert len(check(arrays)) == 6
    with pytest.raises(DatasetError, match="makes 7 classes"):
        check({**arrays, "train_labels": np.array([0, 2, 6] * 4)})


def test_train_label_refused_when_beyond_the_named_classes(arrays: Arrays) -> None:
    assert problem(arrays, ("cat", "dog")) == (
        "train: label 2 of example 2 is outside 0..1 (4 such labels)"
    )


def test_classes_refused_when_named_twice(arrays: Arrays) -> None:
    assert problem(arrays, ("cat", "dog", "cat")) == "class 'cat' is named more than once"


def test_classes_refused_when_none(arrays: Arrays) -> None:
    assert problem(arrays, ()) == "no classes, wanted at least one"


def test_one_line_has_no_line_breaks() -> None:
    assert one_line(ValueError("two\n  lines")) == "two lines"
    assert one_line(EOFError()) == "EOFError"


def test_copies_that_memory_cannot_hold_are_unfinished(
    arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = RawDataset(
        train_images=arrays["train_images"],
        train_labels=arrays["train_labels"],
        test_images=np.asfortranarray(arrays["test_images"]),
        test_labels=arrays["test_labels"],
    )
    monkeypatch.setattr("untrusted.memory.available_memory_bytes", lambda: 359)
    with pytest.raises(UnfinishedError, match="putting its images into another order takes 360"):
        checked_splits(raw, "some.npz")
    told = r"some\.npz: train in that size takes 3,600,000,000,000 bytes of memory, 359 are free"
    with pytest.raises(UnfinishedError, match=told):
        checked_splits(raw, "some.npz", (100_000, 1_000_000))
