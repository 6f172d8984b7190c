"""What changes from step to step of a training: how it begins, is saved, is taken up again."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from artifacts.history import history_from_jsonl, jsonl_from_history
from artifacts.json_records import told
from artifacts.training_records import Epoch, Recipe
from errors import ArtifactError, UsageError
from models import build
from models.classifier import Classifier
from models.tensors import take_tensors
from models.trial import require_logits
from models.weights import copied_weights
from trainers.batches import batch_sizes
from trainers.checkpoints import ResumeState, StateDict
from trainers.initial_weights import take_initial_weights
from trainers.loop import Trainee
from trainers.optimization import optimizer_for
from trainers.position import PassResult, Position, start_of_epoch
from trainers.processes import Processes
from trainers.resume_checks import require_fitting, require_optimizer

# Compared part by part, or following from what is compared.
_NOT_COMPARED = (
    *("dataset", "model", "hyperparameters", "initial_weights", "mean", "std"),
    "searched",  # the settings themselves are compared
)


@dataclass(kw_only=True)
class Progress:
    """A training between two steps; `ResumeState` is its form on disk."""

    recipe: Recipe
    processes: Processes
    trainee: Trainee
    position: Position
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    best: PassResult | None = None
    best_weights: StateDict = field(default_factory=dict)

    @property
    def batches(self) -> int:
        """Optimizer steps in an epoch."""
        return _batches(self.recipe)

    @property
    def is_finished(self) -> bool:
        """Whether all epochs are done, or validation has not improved for as many as wanted."""
        settings = self.recipe.hyperparameters
        done = len(self.history)
        patience = settings.patience
        return done == settings.epochs or (
            patience is not None and done - self.best_epoch >= patience
        )

    def validated_network(self) -> Classifier:
        """Return the network that validates and is kept: the averaged one where there is one."""
        average = self.trainee.average
        return self.trainee.classifier if average is None else _averaged(average)

    def end_epoch(self, epoch: Epoch, validated: PassResult) -> None:
        """Add an epoch to the history; copy the weights if no epoch before validated better."""
        self.history.append(epoch)
        # Small validation splits tie often: the lower loss decides then.
        if self.best is None or _rank(validated) > _rank(self.best):
            self.best, self.best_epoch = validated, epoch.epoch
            self.best_weights = copied_weights(self.validated_network())
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Go to the start of the epoch after those of the history."""
        self.position = start_of_epoch(
            self.recipe.seed, len(self.history) + 1, self.batches, self.processes.device
        )

    def history_jsonl(self) -> str:
        """Return the epochs so far, a line of JSON each."""
        return jsonl_from_history(self.history)

    def resume_state(self, threads: int) -> ResumeState:
        """Return all that is needed to go on from here; every process must ask, one writes."""
        position, average = self.position, self.trainee.average
        position.settle()
        best = self.best or PassResult(loss_sum=0.0, correct=0, examples=1)
        return ResumeState(
            recipe_json=self.recipe.to_json(),
            history_jsonl=self.history_jsonl(),
            threads=threads,
            weights=copied_weights(self.trainee.classifier),
            average={} if average is None else copied_weights(average),
            optimizer=self.trainee.optimizer.state_dict(),
            random=_random_states(self.processes.device),
            epoch=position.epoch,
            batches=position.batches,
            loss_sums=self.processes.added(position.loss_sums.clone()).cpu(),
            correct=self.processes.added(position.correct.clone()).cpu(),
            seconds=position.seconds,
            best_epoch=self.best_epoch,
            best_correct=best.correct,
            best_loss=best.loss_sum,
            best_weights=self.best_weights,
        )


def started_progress(recipe: Recipe, processes: Processes, *, compiled: bool) -> Progress:
    """Return a training before its first step, with the weights that the recipe begins with.

    Raises:
        UsageError: the network does not take such images.
        ArtifactError: the file of initial weights does not fit the network.
    """
    torch.manual_seed(recipe.seed)
    classifier = build(**recipe.model.model_dump(), mean=recipe.mean, std=recipe.std)
    if recipe.initial_weights is not None:
        take_initial_weights(classifier, recipe.model, recipe.initial_weights)
    classifier = classifier.to(processes.device)
    if recipe.model.file is None:
        # Convolutions are faster with the channels innermost, and other layers do not notice. But
        # a user's own `view` may rely on the usual order.
        classifier = classifier.to(memory_format=torch.channels_last)
    require_logits(
        classifier,
        recipe.model.name,
        num_classes=recipe.model.num_classes,
        in_channels=recipe.model.in_channels,
        image_size=recipe.model.image_size,
    )
    forward = processes.in_parallel(classifier.network)
    settings = recipe.hyperparameters
    decay = settings.weight_averaging
    trainee = Trainee(
        classifier=classifier,
        forward=torch.compile(forward) if compiled else forward,
        optimizer=optimizer_for(classifier, settings),
        average=_average_of(classifier, decay) if decay else None,
    )
    return Progress(
        recipe=recipe,
        processes=processes,
        trainee=trainee,
        position=start_of_epoch(recipe.seed, 1, _batches(recipe), processes.device),
    )


def resumed_progress(
    recipe: Recipe, processes: Processes, state: ResumeState, path: Path, *, compiled: bool
) -> Progress:
    """Return the training that the resume file at `path` holds.

    Raises:
        ArtifactError: its parts do not fit each other.
        UsageError: it was begun by another recipe.
    """
    progress = started_progress(recipe, processes, compiled=compiled)
    try:
        differences = recipe_differences(
            Recipe.model_validate_json(state.recipe_json, strict=True), recipe
        )
        if differences:
            raise UsageError(
                "--resume",
                f"{path} was begun with {'; '.join(differences)}",
                hint="give the options it was begun with, or start again without --resume",
            )
        _take_up(progress, state)
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        reason = told(error) if isinstance(error, ValidationError) else str(error).splitlines()[0]
        raise ArtifactError(
            str(path),
            f"does not fit its own recipe: {reason}",
            hint="start again without --resume",
        ) from None
    return progress


def _take_up(progress: Progress, state: ResumeState) -> None:
    """Go on from the state.

    Raises:
        ValueError: a part of it is none of this training's.
    """
    _require_own(progress, state)
    trainee, device = progress.trainee, progress.processes.device
    take_tensors(trainee.classifier, state.weights)
    trainee.optimizer.load_state_dict(state.optimizer)
    if trainee.average is not None:
        take_tensors(trainee.average, state.average)
    progress.history = list(history_from_jsonl(state.history_jsonl.encode()))
    progress.best_epoch, progress.best_weights = state.best_epoch, state.best_weights
    if state.best_epoch:
        progress.best = PassResult(
            loss_sum=state.best_loss,
            correct=state.best_correct,
            examples=progress.recipe.val_examples,
        )
    progress.begin_epoch()
    position = progress.position
    if state.epoch != position.epoch or not 0 <= state.batches <= progress.batches:
        raise ValueError("the position is not in the epoch after the last finished one")
    if not 0 <= state.best_epoch <= len(progress.history):
        raise ValueError("the best epoch is none of the finished ones")
    position.batches, position.seconds = state.batches, state.seconds
    if progress.processes.writes:  # the sums so far are of all processes: one goes on with them
        position.loss_sums.copy_(state.loss_sums)
        position.correct.copy_(state.correct)
    torch.set_rng_state(state.random["cpu"])
    if device.type == "cuda" and "cuda" in state.random:
        torch.cuda.set_rng_state(state.random["cuda"], device)


def _require_own(progress: Progress, state: ResumeState) -> None:
    """Return if every tensor and count of the state is one that this training may have.

    Raises:
        ValueError: one is not.
    """
    trainee, position, recipe = progress.trainee, progress.position, progress.recipe
    average = {} if trainee.average is None else trainee.average.state_dict()
    best = progress.validated_network().state_dict() if state.best_epoch else {}
    require_fitting("weights", trainee.classifier.state_dict(), state.weights)
    require_fitting("average", average, state.average)
    require_fitting("best weights", best, state.best_weights)
    require_optimizer(trainee.optimizer, state.optimizer)
    sums = {"loss_sums": position.loss_sums, "correct": position.correct}
    require_fitting("sums", sums, {"loss_sums": state.loss_sums, "correct": state.correct})
    random = {"cpu": torch.get_rng_state()}  # the device's is looked at by the device
    require_fitting("random", random, {k: v for k, v in state.random.items() if k in random})
    if not 0 <= int(state.correct) <= recipe.train_examples:
        raise ValueError("more examples were right than there are")
    if not 0 <= state.best_correct <= recipe.val_examples:
        raise ValueError("more validation examples were right than there are")


def _random_states(device: torch.device) -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def _average_of(classifier: Classifier, decay: float) -> AveragedModel:
    moving = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(classifier, multi_avg_fn=moving, use_buffers=True)


def _averaged(average: AveragedModel) -> Classifier:
    network = average.module
    assert isinstance(network, Classifier)
    return network


def _batches(recipe: Recipe) -> int:
    return len(batch_sizes(recipe.train_examples, recipe.hyperparameters.batch_size))


def _rank(validated: PassResult) -> tuple[int, float]:
    return validated.correct, -validated.loss_sum


def recipe_differences(begun: Recipe, wanted: Recipe) -> list[str]:
    """Return what decides a training and differs; where the dataset lies does not decide it."""
    pairs = {
        "dataset": (_dataset(begun), _dataset(wanted)),
        "model": (_model(begun), _model(wanted)),
        "initial weights": (_initial(begun), _initial(wanted)),
        **{key: (getattr(begun, key), value) for key, value in wanted if key not in _NOT_COMPARED},
        **{
            key: (getattr(begun.hyperparameters, key), value)
            for key, value in wanted.hyperparameters
        },
    }
    return [f"{key} {old}, not {new}" for key, (old, new) in pairs.items() if old != new]


def _model(recipe: Recipe) -> str:
    model = recipe.model
    details = [*([model.file_sha256[:12]] if model.file_sha256 else []), *model.choices]
    return f"{model.name} ({'; '.join(details)})" if details else model.name


def _initial(recipe: Recipe) -> str:
    weights = recipe.initial_weights
    return weights.sha256[:12] if weights else "none"


def _dataset(recipe: Recipe) -> str:
    return f"{recipe.dataset.name} ({recipe.dataset.sha256[:12]})"
