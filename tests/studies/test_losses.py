"""The study of losses on small data: what is chosen, compared and refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from artifacts.losses_records import LossesStudy
from data import load_dataset
from errors import UsageError
from studies.losses import LossesOptions, losses_study
from studies.outcomes import LEARNING_RATES
from studies.scores import scores_of
from studies.task import pair_of, task_of


@pytest.fixture(scope="module")
def study(tiny_npz: Path) -> LossesStudy:
    return losses_study(
        load_dataset(str(tiny_npz)),
        LossesOptions(epochs=2, seeds=2, seed=5),
        command="python cli.py study losses",
        on_step=lambda what, done, total: None,
    )


def test_all_classes_come_first_and_then_two(study: LossesStudy) -> None:
    assert [task.classes for task in study.tasks] == [("0", "1", "2"), ("0", "1")]
    assert study.seeds == (5, 6)
    three, two = study.tasks
    assert (three.train_examples, three.val_examples, three.test_examples) == (160, 40, 67)
    assert (two.train_examples, two.val_examples, two.test_examples) == (107, 27, 45)
    assert three.steps[-1] == 2 * 3


def test_rate_is_the_best_on_the_validation_examples(study: LossesStudy) -> None:
    for outcome in study.tasks[0].outcomes:
        assert tuple(tried.learning_rate for tried in outcome.rates) == LEARNING_RATES
        best = max(tried.val_accuracy.mean for tried in outcome.rates)
        assert outcome.chosen.val_accuracy.mean == best
        rivals = [tried for tried in outcome.rates if tried.val_accuracy.mean == best]
        assert outcome.chosen.val_loss == min(tried.val_loss for tried in rivals)
        assert outcome.val_accuracy[-1] == pytest.approx(best)


def test_steps_are_counted_to_the_target(study: LossesStudy) -> None:
    task = study.tasks[0]
    finals = [outcome.val_accuracy[-1] for outcome in task.outcomes]
    assert task.target_accuracy == pytest.approx(0.99 * min(finals))
    for outcome in task.outcomes:
        for tried in outcome.rates:
            assert len(tried.steps_to_target) == 2
            assert set(tried.steps_to_target) <= {None, *task.steps}


def test_differences_are_those_of_the_outcomes(study: LossesStudy) -> None:
    for task in study.tasks:
        cross_entropy, mse = task.outcomes
        found = task.differences
        gap = cross_entropy.accuracy.mean - mse.accuracy.mean
        assert found.accuracy.mean == pytest.approx(gap)
        for one, right, other in zip(found.paired, cross_entropy.correct, mse.correct, strict=True):
            assert one.only_cross_entropy - one.only_mse == right - other
        gap = cross_entropy.brier_score.mean - mse.brier_score.mean
        assert found.brier_score.mean == pytest.approx(gap)


def test_wide_starts_have_all_rates_and_the_best_is_found(study: LossesStudy) -> None:
    wide = study.tasks[0].wide_start
    for rates, best in zip(wide.rates, wide.best, strict=True):
        assert tuple(tried.learning_rate for tried in rates) == LEARNING_RATES
        assert best.val_accuracy.mean == max(tried.val_accuracy.mean for tried in rates)


def test_record_is_read_as_it_was_written(study: LossesStudy) -> None:
    assert LossesStudy.model_validate_json(study.to_json(), strict=True) == study


def test_task_of_two_classes_has_their_images_alone(tiny_npz: Path) -> None:
    dataset = load_dataset(str(tiny_npz))
    task = task_of(dataset, ("2", "0"))
    labels = dataset.train.labels
    expected = np.where(labels[labels != 1] == 2, 0, 1)
    assert task.train.labels_N.tolist() == expected.tolist()
    assert task.images_NCHW.shape[0] == len(expected)
    assert float(task.train.inputs_NP.mean()) == pytest.approx(0, abs=1e-5)
    assert float(task.train.inputs_NP.std()) == pytest.approx(1, abs=1e-5)
    raw = torch.from_numpy(dataset.test.images[dataset.test.labels != 1].astype(np.float32))
    expected_test = (raw.flatten(1) - task.images_NCHW.mean()) / task.images_NCHW.std(ddof=1)
    torch.testing.assert_close(task.test.inputs_NP, expected_test, rtol=1e-4, atol=1e-4)


def test_pair_is_the_favourite_the_first_or_what_is_wanted() -> None:
    digits = tuple("0123456789")
    assert pair_of(digits, None) == ("3", "8")
    assert pair_of(("cat", "dog", "cow"), None) == ("cat", "dog")
    assert pair_of(digits, ("9", "4")) == ("9", "4")
    with pytest.raises(UsageError, match="unknown class 'x': wanted two of cat, dog, cow"):
        pair_of(("cat", "dog", "cow"), ("cat", "x"))


def test_accuracy_of_the_test_split_changes_nothing_that_is_chosen(
    study: LossesStudy, tiny_npz: Path, tmp_path: Path
) -> None:
    arrays = dict(np.load(tiny_npz))
    arrays["test_labels"] = (arrays["test_labels"] + 1) % 3
    np.savez(tmp_path / "turned.npz", **arrays)
    turned = losses_study(
        load_dataset(str(tmp_path / "turned.npz")),
        LossesOptions(epochs=2, seeds=2, seed=5),
        command="python cli.py study losses",
        on_step=lambda what, done, total: None,
    )
    for one, other in zip(study.tasks[0].outcomes, turned.tasks[0].outcomes, strict=True):
        assert one.rates == other.rates
        assert one.learning_rate == other.learning_rate
        assert one.correct != other.correct


def test_scores_count_what_is_right() -> None:
    outputs = torch.tensor([[1.0, 0], [0, 1], [3, 0]])
    assert scores_of(outputs, torch.tensor([0, 1, 1])).right_N.tolist() == [True, True, False]
