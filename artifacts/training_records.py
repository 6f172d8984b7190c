"""Where a network came from: what training leaves on disk, or what was brought from elsewhere."""

from typing import Literal

from pydantic import Field, model_validator

from artifacts.accuracy_records import require_no_more, require_share
from artifacts.choices import Loss, Optimizer, RecipeName, Schedule, TrainingPrecision
from artifacts.environment import Environment
from artifacts.json_records import (
    MOST,
    SCHEMA,
    Count,
    Deviation,
    Duration,
    Magnitude,
    Positive,
    Record,
    Share,
)

Sha256 = str


class ModelSpec(Record):
    """All that is needed to build a network again, but its weights."""

    name: str
    num_classes: int = Field(ge=2, le=MOST)
    in_channels: Positive
    image_size: tuple[Positive, Positive]  # height, width in pixels
    file: str | None = None  # absolute path of the user's file, where it is defined in one
    file_sha256: Sha256 | None = None
    # Of hidden fully connected layers, where the network leaves the choice: `models.hidden_layers`.
    widths: tuple[Positive, ...] | None = None  # their outputs; None: the network's own
    dropout: float = Field(default=0, ge=0, lt=1)  # share of them that training leaves out

    @property
    def choices(self) -> tuple[str, ...]:
        """What was chosen of the hidden layers, in words; nothing where they are its own."""
        widths = f"widths {','.join(map(str, self.widths))}" if self.widths else ""
        dropout = f"dropout {self.dropout:g}" if self.dropout else ""
        return tuple(choice for choice in (widths, dropout) if choice)


class DatasetSpec(Record):
    """Which dataset, where it was found, and the hashes that say it is the same one."""

    name: str
    source: str  # what --dataset takes: a name, or an absolute path
    data_dir: str | None
    classes: tuple[str, ...]
    image_shape: tuple[Positive, Positive, Positive]  # channels, height, width
    resized_to: tuple[Positive, Positive] | None = None  # height, width; None: as they are
    sha256: Sha256
    split_sha256: dict[str, Sha256]


class Augmentation(Record):
    """How far each training image is changed at random, anew in every epoch; 0 is not at all."""

    shift: float = Field(default=0, ge=0, le=1)  # to each side, in sides of the image
    rotation: float = Field(default=0, ge=0, le=180)  # to each side, in degrees
    scale: float = Field(default=0, ge=0, lt=1)  # 0.1: from 1 / 1.1 to 1.1 times the size
    cutout: float = Field(default=0, ge=0, le=1)  # side of the square taken out, in image sides

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return self != Augmentation()


class Hyperparameters(Record):
    """The numbers of a training, apart from the network and the data."""

    epochs: Positive
    patience: Positive | None  # epochs without a better validation before it ends early
    batch_size: Positive
    loss: Loss
    optimizer: Optimizer
    lr: float = Field(gt=0)  # of SGD and Adam; the peak where the schedule is one-cycle
    weight_decay: float = Field(ge=0)
    momentum: float = Field(ge=0, lt=1)  # SGD only
    schedule: Schedule
    label_smoothing: float = Field(ge=0, lt=1)
    augmentation: Augmentation
    weight_averaging: float = Field(ge=0, lt=1)  # decay of the moving average a step; 0 is none
    precision: TrainingPrecision


class Normalization(Record):
    """What is subtracted from each channel's pixels, in 0..255, and what they are divided by."""

    mean: tuple[float, ...]
    std: tuple[Deviation, ...]


class InitialWeights(Record):
    """What a training begins with, instead of random weights."""

    file: str  # absolute path
    sha256: Sha256


class SearchedTrial(Record):
    """The trial of a search for hyperparameters whose settings a training took."""

    study: str  # its name
    study_sha256: Sha256  # of study.json
    trial: Count


class Recipe(Record):
    """recipe.json: everything that decided the training."""

    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema")
    recipe: RecipeName
    model: ModelSpec
    dataset: DatasetSpec
    hyperparameters: Hyperparameters
    val_split: float = Field(gt=0, lt=1)
    subset: float = Field(gt=0, le=1)
    seed: Count
    initial_weights: InitialWeights | None = None
    train_examples: Positive
    val_examples: Positive
    mean: tuple[float, ...]  # that the network is normalized by, one a channel, in 0..255
    std: tuple[Deviation, ...]
    searched: SearchedTrial | None = None  # where its settings come from, but those of options


class Imported(Record):
    """imported.json: a network that was trained elsewhere. Written after its weights."""

    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema")
    model: ModelSpec
    classes: tuple[str, ...]  # what its logits stand for
    dataset: DatasetSpec  # what it is proved on
    normalization: Normalization
    source: InitialWeights  # the file that its weights came from
    checkpoint: str  # the file's name in the run directory
    checkpoint_sha256: Sha256
    checkpoint_bytes: Count | None = None  # None: of an older record
    parameters: Count
    environment: Environment
    command: str


class Epoch(Record):
    """A line of history.jsonl; accuracies are fractions, losses means over the examples."""

    epoch: Positive
    learning_rate: Magnitude
    train_loss: float
    train_accuracy: Share  # while training: before each step, in training mode
    val_loss: float
    val_accuracy: Share
    # With --test-curve: shown, and never what anything is chosen by.
    test_loss: float | None = None
    test_accuracy: Share | None = None
    seconds: Duration  # of training and validation
    images_per_second: Duration


class Training(Record):
    """training.json: a finished training. Written last, so its files are whole."""

    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema")
    recipe_sha256: Sha256
    checkpoint: str  # the file's name in the run directory
    checkpoint_sha256: Sha256
    checkpoint_bytes: Count | None = None  # None: of an older record
    history_sha256: Sha256
    parameters: Count
    epochs: Positive
    best_epoch: Positive
    val_correct: Count
    val_examples: Positive
    val_accuracy: Share
    seconds: Duration
    device: str
    threads: Positive  # of each process
    processes: Positive
    deterministic: bool
    compiled: bool
    streamed: bool  # the images did not fit into memory
    environment: Environment
    command: str

    @model_validator(mode="after")
    def _require_possible_counts(self) -> "Training":
        require_no_more(self.val_correct, self.val_examples)
        require_share(
            self.val_accuracy,
            self.val_correct,
            self.val_examples,
            "val_accuracy is not val_correct / val_examples",
        )
        if self.best_epoch > self.epochs:
            raise ValueError("the best epoch comes after the last")
        return self
