import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from artifacts.training_records import Augmentation, Hyperparameters
from errors import UnfinishedError
from models import build
from models.classifier import Classifier
from trainers.batches import batch_sizes
from trainers.examples import Examples, examples_from_split
from trainers.loop import Trainee, train_epoch, validate
from trainers.optimization import optimizer_for
from trainers.position import PassResult, Position, result_of_epoch, start_of_epoch
from trainers.processes import Processes
from trainers.recipes import named_recipe

CPU = torch.device("cpu")
ALONE = Processes(rank=0, count=1, local_rank=0, local_count=1, device=CPU)


def settings(**changes: object) -> Hyperparameters:
    plain: dict[str, object] = {"batch_size": 8, "augmentation": Augmentation(), "epochs": 2}
    return named_recipe("best", "mlp", "mnist").settings.model_copy(update=plain | changes)


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 1, 4, 4)).astype(np.uint8)


def examples(count: int = 21) -> Examples:
    return examples_from_split(images(count), np.arange(count) % 3, np.arange(count), CPU)


def classifier() -> Classifier:
    torch.manual_seed(0)
    return Classifier(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), mean=[100.0], std=[70.0])


def trainee_of(
    network: Classifier,
    chosen: Hyperparameters,
    forward: Callable[[Tensor], Tensor] | None = None,
) -> Trainee:
    return Trainee(
        classifier=network,
        forward=forward or network.network,
        optimizer=optimizer_for(network, chosen),
        average=None,
    )


def one_epoch(
    network: Classifier,
    chosen: Hyperparameters,
    *,
    forward: Callable[[Tensor], Tensor] | None = None,
    data: Examples | None = None,
    after_batch: Callable[[], None] = lambda: None,
    epoch: int = 1,
) -> PassResult:
    data = data or examples()
    steps = len(batch_sizes(len(data), chosen.batch_size))
    position = start_of_epoch(7, epoch, steps, CPU)
    train_epoch(
        trainee_of(network, chosen, forward),
        data,
        position,
        settings=chosen,
        seed=7,
        processes=ALONE,
        after_batch=after_batch,
    )
    return result_of_epoch(position, len(data), ALONE)


def take_steps(
    trainee: Trainee, position: Position, chosen: Hyperparameters, *, stop: int | None = None
) -> None:
    """Go on to the epoch's end, or raise InterruptedError after a batch of it."""

    def after_batch() -> None:
        if position.batches == stop:
            raise InterruptedError

    train_epoch(
        trainee,
        examples(),
        position,
        settings=chosen,
        seed=7,
        processes=ALONE,
        after_batch=after_batch,
    )


@pytest.mark.parametrize("model", ["mlp", "lenet5"])
def test_process_with_no_part_of_a_batch_takes_the_step_and_adds_nothing(model: str) -> None:
    # Batch normalization has its own test, in two processes.
    chosen = settings(optimizer="sgd", momentum=0.0, weight_decay=0.0, batch_size=1)
    network = build(model, num_classes=3, in_channels=1, image_size=(16, 16))
    before = copy.deepcopy(network.state_dict())
    blank = np.zeros((3, 1, 16, 16), dtype=np.uint8)
    data = examples_from_split(blank, np.arange(3), np.arange(3), CPU)
    first = Processes(rank=0, count=2, local_rank=0, local_count=2, device=CPU)
    steps: list[int] = []
    trainee = trainee_of(network, chosen)
    position = start_of_epoch(7, 1, 3, CPU)
    train_epoch(
        trainee,
        data,
        position,
        settings=chosen,
        seed=7,
        processes=first,
        after_batch=lambda: steps.append(position.batches),
    )
    assert steps == [1, 2, 3]
    assert (position.loss_sums.tolist(), int(position.correct)) == ([0.0, 0.0, 0.0], 0)
    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())


@pytest.mark.parametrize("stop", [1, 2, 3, 4, 5])
def test_epoch_left_after_any_batch_goes_on_with_the_same_bits(
    stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainers.batches.CHUNK_EXAMPLES", 12)
    chosen = settings(batch_size=4, augmentation=Augmentation(shift=0.2, cutout=0.3))

    def parts(stop: int | None) -> tuple[dict[str, Tensor], PassResult]:
        network = classifier()
        trainee = trainee_of(network, chosen)
        position = start_of_epoch(7, 1, 5, CPU)
        if stop is not None:
            with pytest.raises(InterruptedError):
                take_steps(trainee, position, chosen, stop=stop)
            position.settle()
        take_steps(trainee, position, chosen)
        return network.state_dict(), result_of_epoch(position, 21, ALONE)

    (whole, result), (resumed, other) = parts(None), parts(stop)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert result == other


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("model", ["mlp", "lenet5", "resnet18"])
def test_every_optimizer_learns_under_every_recipe(optimizer: str, model: str) -> None:
    recipe = named_recipe("best", model, "mnist").settings
    chosen = recipe.model_copy(update={"optimizer": optimizer, "batch_size": 8, "epochs": 1})
    network = classifier()
    before = validate(network, examples(), chosen, ALONE)
    one_epoch(network, chosen)
    assert validate(network, examples(), chosen, ALONE).loss < before.loss


def test_every_example_is_seen_once_and_the_short_last_batch_too() -> None:
    seen: list[int] = []
    network, calls = classifier(), []

    def recording(images_NCHW: Tensor) -> Tensor:
        seen.append(len(images_NCHW))
        logits: Tensor = network.network(images_NCHW)
        return logits

    result = one_epoch(
        network, settings(), forward=recording, after_batch=lambda: calls.append(len(seen))
    )
    assert seen == [8, 8, 5]
    assert calls == [1, 2, 3]
    assert result.examples == 21


def test_resnet_trains_when_one_example_would_be_left_over() -> None:
    # 8x8 pixels are 1x1 in the last stage, where batch normalization of one example fails.
    network = build("resnet18", num_classes=3, in_channels=1, image_size=(8, 8))
    blank = np.zeros((9, 1, 8, 8), dtype=np.uint8)
    data = examples_from_split(blank, np.arange(9) % 3, np.arange(9), CPU)
    assert one_epoch(network, settings(), data=data).examples == 9


def test_validation_counts_what_numpy_counts() -> None:
    network = classifier()
    result = validate(network, examples(), settings(), ALONE)
    logits = network(torch.from_numpy(images(21))).detach().double().numpy()
    labels = np.arange(21) % 3
    assert result.correct == (logits.argmax(axis=1) == labels).sum()
    log_sum = np.log(np.exp(logits).sum(axis=1))
    assert result.loss_sum == pytest.approx((log_sum - logits[np.arange(21), labels]).sum(), 1e-6)


def test_training_ends_when_the_loss_is_no_number() -> None:
    network = classifier()
    with torch.no_grad():
        next(network.parameters())[0, 0] = torch.nan
    with pytest.raises(UnfinishedError, match="the loss became nan"):
        one_epoch(network, settings())
    with pytest.raises(UnfinishedError, match="the validation loss became nan"):
        validate(network, examples(), settings(), ALONE)
