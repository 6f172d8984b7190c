import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.splits import stratified_sample, training_indices
from errors import UsageError

# Digits 0 to 9 in SVHN's training split, 73,257 in all (Netzer et al. 2011).
SVHN_TRAIN_COUNTS = (4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659)


def test_quarter_of_svhn_is_18314_images_in_proportion() -> None:
    labels = np.repeat(np.arange(10), SVHN_TRAIN_COUNTS)
    assert len(labels) == 73_257
    indices = training_indices(labels, subset=0.25, val_split=0.2, seed=0)
    chosen = np.concatenate([indices.train, indices.validation])
    assert len(chosen) == 18_314
    assert len(indices.validation) == round(0.2 * 18_314)
    counts = np.bincount(labels[chosen])
    assert np.abs(counts - np.array(SVHN_TRAIN_COUNTS) / 4).max() <= 1


@given(
    labels=st.lists(st.integers(0, 4), min_size=2, max_size=60),
    share=st.floats(0, 1),
    seed=st.integers(0, 5),
)
def test_sample_has_its_size_and_each_class_in_proportion(
    labels: list[int], share: float, seed: int
) -> None:
    array = np.array(labels)
    count = int(share * len(labels))
    sample = stratified_sample(array, count, np.random.default_rng(seed))
    assert len(sample) == len(set(sample.tolist())) == count
    assert sorted(sample) == sample.tolist()
    for label in set(labels):
        wanted = count * labels.count(label) / len(labels)
        assert abs((array[sample] == label).sum() - wanted) < 1


def test_indices_are_disjoint_and_follow_the_seed() -> None:
    labels = np.arange(100) % 7
    first, again, other = (
        training_indices(labels, subset=1.0, val_split=0.1, seed=seed) for seed in (1, 1, 2)
    )
    assert set(first.train).isdisjoint(first.validation)
    assert len(first.train) + len(first.validation) == 100
    assert np.array_equal(first.validation, again.validation)
    assert not np.array_equal(first.validation, other.validation)


@pytest.mark.parametrize(
    ("subset", "val_split", "option"),
    [(1.0, 0.01, "--val-split"), (1.0, 0.99, "--val-split"), (0.04, 0.5, "--subset")],
)
def test_split_is_refused_when_a_part_would_be_empty(
    subset: float, val_split: float, option: str
) -> None:
    with pytest.raises(UsageError, match=option):
        training_indices(np.zeros(25, dtype=np.int64), subset=subset, val_split=val_split, seed=0)
