"""What options of `train` change."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from artifacts.evaluation_records import Evaluation
from artifacts.json_records import read_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Augmentation, Recipe, Training
from commands.main import main
from models.classifier import Classifier
from tests.trainers.runs import history, train
from tests.trainers.test_loop import CPU, settings, take_steps, trainee_of
from trainers.batches import batch_sizes
from trainers.checkpoints import load_resume_state
from trainers.loop import Trainee
from trainers.position import start_of_epoch


@pytest.fixture
def run(folder: Path) -> RunDirectory:
    return RunDirectory(folder / "run")


def test_early_stopping_ends_after_so_many_epochs_without_a_better_one(
    run: RunDirectory, tiny_npz: Path
) -> None:
    options = ("--early-stopping", "3", "--lr", "1e-9")  # learns nothing: no epoch is better
    assert train(tiny_npz, run.root, *options, "--loss", "mse", epochs=40) == 0
    record = read_record(run.training, Training)
    epochs = history(run)
    ranks = [(epoch["val_accuracy"], -epoch["val_loss"]) for epoch in epochs]
    assert record.epochs == len(epochs) == record.best_epoch + 3 < 40
    assert max(ranks) == ranks[record.best_epoch - 1]


def test_kept_weights_are_the_moving_average(
    run: RunDirectory, tiny_npz: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed: dict[str, torch.Tensor] = {}
    whole = Trainee.__init__

    def following(self: Trainee, **parts: object) -> None:
        whole(self, **parts)  # type: ignore[arg-type]

        def after_step(*_arguments: object) -> None:
            for name, weight in self.classifier.named_parameters():
                now = weight.detach().double()
                before = followed.get(name, now)
                followed[name] = 0.9 * before + 0.1 * now

        self.optimizer.register_step_post_hook(after_step)

    monkeypatch.setattr(Trainee, "__init__", following)
    assert train(tiny_npz, run.root, "--weight-averaging", "0.9", epochs=1) == 0
    kept = load_file(run.weights)
    for name, average in followed.items():
        torch.testing.assert_close(kept[name].double(), average, rtol=0, atol=1e-6)
    last = load_resume_state(run.resume).weights
    assert any(not torch.equal(kept[name], last[name]) for name in followed)


@pytest.mark.parametrize("loss", ["cross-entropy", "mse"])
def test_softmax_regression_learns_by_either_loss(
    loss: str, run: RunDirectory, tiny_npz: Path
) -> None:
    assert train(tiny_npz, run.root, "--loss", loss, model="logistic", epochs=12) == 0
    epochs = history(run)
    assert epochs[-1]["val_loss"] < epochs[0]["val_loss"]
    assert epochs[-1]["val_accuracy"] > 0.9
    assert read_record(run.recipe, Recipe).hyperparameters.loss == loss


def test_record_says_how_the_training_was_computed(
    run: RunDirectory, tiny_npz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tiny_npz, run.root, "--json", epochs=1) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["threads"], record["processes"], record["device"]) == (1, 1, "cpu")
    assert (record["deterministic"], record["compiled"], record["streamed"]) == (True, False, False)
    assert train(tiny_npz, run.root, "--json", "--no-deterministic", epochs=1) == 0
    assert json.loads(capsys.readouterr().out)["deterministic"] is False


def test_options_replace_the_recipe_s_settings(run: RunDirectory, tiny_npz: Path) -> None:
    options = ["--no-augmentation", "--label-smoothing", "0.2", "--weight-decay", "0.3"]
    assert train(tiny_npz, run.root, *options, "--schedule", "constant", epochs=1) == 0
    chosen = read_record(run.recipe, Recipe).hyperparameters
    assert chosen.augmentation == Augmentation()
    assert (chosen.label_smoothing, chosen.weight_decay, chosen.schedule) == (0.2, 0.3, "constant")


def test_dropout_draws_the_same_after_a_stop_within_an_epoch() -> None:
    """The one thing that is random and does not follow from the position."""

    def trained(stop: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(16, 3))
        classifier = Classifier(network, mean=[100.0], std=[70.0])
        chosen = settings(batch_size=4)
        trainee = trainee_of(classifier, chosen)
        position = start_of_epoch(7, 1, len(batch_sizes(21, 4)), CPU)
        if stop:
            with pytest.raises(InterruptedError):
                take_steps(trainee, position, chosen, stop=stop)
            random = torch.get_rng_state()  # as `ResumeState` keeps it
            torch.manual_seed(99)
            torch.set_rng_state(random)
        take_steps(trainee, position, chosen)
        return classifier.state_dict()

    whole, stopped = trained(0), trained(3)
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)


def test_test_curve_is_measured_and_chooses_nothing(
    run: RunDirectory, tiny_npz: Path, folder: Path
) -> None:
    plain = RunDirectory(folder / "plain")
    assert train(tiny_npz, plain.root) == train(tiny_npz, run.root, "--test-curve") == 0
    assert all(epoch["test_accuracy"] is None for epoch in history(plain))
    assert plain.weights.read_bytes() == run.weights.read_bytes()
    best = history(run)[read_record(run.training, Training).best_epoch - 1]
    # The other way to the same figure: ONNX Runtime over the exported network.
    assert main(["export", "--run", str(run.root)]) == 0
    assert main(["evaluate", "--run", str(run.root), "--no-latency"]) == 0
    evaluation = read_record(run.evaluation("float32", "cpu"), Evaluation)
    assert evaluation.accuracy is not None
    assert best["test_accuracy"] == pytest.approx(evaluation.accuracy.top1, abs=1e-12)


@pytest.mark.parametrize(
    ("options", "is_measured"),
    [
        ((), False),
        (("--recipe", "assignment"), True),
        (("--recipe", "assignment", "--no-test-curve"), False),
    ],
)
def test_test_curve_belongs_to_the_assignment(
    run: RunDirectory, tiny_npz: Path, options: tuple[str, ...], *, is_measured: bool
) -> None:
    assert train(tiny_npz, run.root, *options, epochs=1) == 0
    assert [epoch["test_loss"] is not None for epoch in history(run)] == [is_measured]
