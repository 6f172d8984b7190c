"""history.jsonl: the epochs of a training, a line of JSON each."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from artifacts.json_records import told
from artifacts.training_records import Epoch
from errors import ArtifactError
from untrusted.files import content_of_file
from untrusted.sealed_json import strict_json

MOST_BYTES = 1 << 26  # 200,000 epochs


def jsonl_from_history(epochs: Iterable[Epoch]) -> str:
    """Return the epochs as lines of JSON."""
    return "".join(f"{epoch.model_dump_json()}\n" for epoch in epochs)


def history_from_jsonl(content: bytes) -> tuple[Epoch, ...]:
    """Return the epochs that the lines hold.

    Raises:
        ValueError: a line is no epoch, or not the one that comes next; names its number.
    """
    epochs = []
    for number, line in enumerate(content.splitlines(), 1):
        try:
            strict_json(line)
            epoch = Epoch.model_validate_json(line, strict=True)
        except ValidationError as error:
            raise ValueError(f"line {number}: {told(error)}") from None
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        if epoch.epoch != number:
            raise ValueError(f"line {number}: wanted epoch {number}, found {epoch.epoch}")
        epochs.append(epoch)
    return tuple(epochs)


def read_history(path: Path) -> tuple[Epoch, ...]:
    """Return the epochs of a training.

    Raises:
        ArtifactError: the file is missing, or a line of it is damaged.
    """
    content = content_of_file(path, most_bytes=MOST_BYTES)
    try:
        return history_from_jsonl(content)
    except ValueError as error:
        raise ArtifactError(str(path), f"is no history of a training: {error}") from None
