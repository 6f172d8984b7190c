"""What changes from epoch to epoch of a training: how it begins, is saved, is taken up again."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from artifacts.training_records import Epoch, Recipe
from errors import ArtifactError, UsageError
from models import build
from models.classifier import Classifier
from trainers.checkpoints import ResumeState, copied_weights, load_resume_state
from trainers.loop import PassResult, batch_sizes, optimizer_for, scheduler_for

# Compared part by part, or following from what is compared.
_NOT_COMPARED = ("dataset", "model", "hyperparameters", "mean", "std")


@dataclass(kw_only=True)
class Progress:
    """A training between two epochs; `ResumeState` is its form on disk."""

    network: Classifier
    optimizer: Optimizer
    scheduler: LRScheduler
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    best: PassResult | None = None
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    def keep_if_best(self, validated: PassResult, epoch: int) -> None:
        """Copy the weights if no epoch before validated better."""
        # Small validation splits tie often: the lower loss decides then.
        if self.best is None or _rank(validated) > _rank(self.best):
            self.best, self.best_epoch = validated, epoch
            self.best_weights = copied_weights(self.network)

    def history_jsonl(self) -> str:
        """Return the epochs so far, a line of JSON each."""
        return "".join(f"{epoch.model_dump_json()}\n" for epoch in self.history)

    def resume_state(self, recipe: Recipe) -> ResumeState:
        """Return all that is needed to go on after the last finished epoch."""
        assert self.best is not None  # an epoch has been validated
        return ResumeState(
            recipe_json=recipe.to_json(),
            history_jsonl=self.history_jsonl(),
            epoch=len(self.history),
            best_epoch=self.best_epoch,
            best_correct=self.best.correct,
            best_loss=self.best.loss_sum,
            best_weights=self.best_weights,
            weights=copied_weights(self.network),
            optimizer=self.optimizer.state_dict(),
            scheduler=self.scheduler.state_dict(),
        )


def started_progress(recipe: Recipe, device: torch.device) -> Progress:
    """Return a training before its first epoch, with the initial weights of the recipe's seed."""
    torch.manual_seed(recipe.seed)
    network = build(**recipe.model.model_dump(), mean=recipe.mean, std=recipe.std)
    # Convolutions are faster with the channels innermost; other layers do not notice.
    network = network.to(device).to(memory_format=torch.channels_last)
    settings = recipe.hyperparameters
    optimizer = optimizer_for(network, settings)
    steps = settings.epochs * len(batch_sizes(recipe.train_examples, settings.batch_size))
    return Progress(
        network=network,
        optimizer=optimizer,
        scheduler=scheduler_for(optimizer, settings, steps),
    )


def resumed_progress(recipe: Recipe, device: torch.device, path: Path) -> Progress:
    """Return the training that the resume file holds, after its last finished epoch.

    Raises:
        ArtifactError: there is nothing to resume, or what is there is damaged.
        UsageError: it was begun by another recipe.
    """
    state = load_resume_state(path)
    progress = started_progress(recipe, device)
    try:
        differences = _differences(Recipe.model_validate_json(state.recipe_json), recipe)
        if differences:
            raise UsageError(
                "--resume",
                f"{path} was begun with {'; '.join(differences)}",
                hint="give the options it was begun with, or start again without --resume",
            )
        progress.network.load_state_dict(state.weights)
        progress.optimizer.load_state_dict(state.optimizer)
        progress.scheduler.load_state_dict(state.scheduler)
        progress.history = [Epoch.model_validate_json(x) for x in state.history_jsonl.splitlines()]
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
        raise ArtifactError(
            str(path), "does not fit its own recipe", hint="start again without --resume"
        ) from None
    progress.best_epoch, progress.best_weights = state.best_epoch, state.best_weights
    progress.best = PassResult(
        loss_sum=state.best_loss, correct=state.best_correct, examples=recipe.val_examples
    )
    return progress


def _rank(validated: PassResult) -> tuple[int, float]:
    return validated.correct, -validated.loss_sum


def _differences(begun: Recipe, wanted: Recipe) -> list[str]:
    """Return what decides a training and differs; where the dataset lies does not decide it."""
    pairs = {
        "dataset": (_dataset(begun), _dataset(wanted)),
        "model": (begun.model.name, wanted.model.name),
        **{key: (getattr(begun, key), value) for key, value in wanted if key not in _NOT_COMPARED},
        **{
            key: (getattr(begun.hyperparameters, key), value)
            for key, value in wanted.hyperparameters
        },
    }
    return [f"{key} {old}, not {new}" for key, (old, new) in pairs.items() if old != new]


def _dataset(recipe: Recipe) -> str:
    return f"{recipe.dataset.name} ({recipe.dataset.sha256[:12]})"
