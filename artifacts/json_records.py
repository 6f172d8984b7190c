"""Records as JSON files: validated when read, never NaN, written atomically, each with its sha256.

What a file holds is the record and `record_sha256`, the hash of all its other keys: a bit that
flips in a number is noticed, and so is a number that was edited.
"""

import json
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from artifacts.files import sha256_of_bytes
from errors import ArtifactError
from storage.writing import write_bytes
from untrusted.files import content_of_file
from untrusted.sealed_json import sealed, unsealed

SCHEMA: Literal[1] = 1
# The confusion of 2,500 classes takes half of it. Parsed, it takes twenty times as much.
MOST_BYTES = 1 << 27


class Record(BaseModel):
    """A frozen record: unknown keys, wrong types and numbers that are not finite are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
    )

    def to_json(self) -> str:
        """Return the record as indented JSON text that ends with a newline."""
        return text_of_json(self.to_dict())

    def to_dict(self) -> dict[str, object]:
        """Return the record as the dict that its JSON holds."""
        return self.model_dump(mode="json", by_alias=True)


RecordType = TypeVar("RecordType", bound=Record)
MOST = (1 << 63) - 1  # what other languages can read
Count = Annotated[int, Field(ge=0, le=MOST)]
Positive = Annotated[int, Field(ge=1, le=MOST)]
Share = Annotated[float, Field(ge=0, le=1)]
Duration = Annotated[float, Field(ge=0)]
Magnitude = Annotated[float, Field(ge=0)]  # of a difference, a ratio or a rate
Deviation = Annotated[float, Field(gt=0)]  # that pixels are divided by


def document_of_record(record: Record) -> dict[str, object]:
    """Return what the record's file holds: the record, and the sha256 of it."""
    return sealed(record.to_dict())


def content_of_record(record: Record) -> bytes:
    """Return the bytes of the record's file."""
    return text_of_json(document_of_record(record)).encode()


def write_record(path: Path, record: Record) -> str:
    """Replace the file by the record's JSON and return the sha256 of what was written.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full.
    """
    content = content_of_record(record)
    write_bytes(path, content)
    return sha256_of_bytes(content)


def read_record(path: Path, kind: type[RecordType]) -> RecordType:
    """Return the record of type `kind` that the file holds.

    Raises:
        ArtifactError: the file is missing, cannot be read, was changed since it was written, or
            does not hold such a record.
    """
    content = content_of_file(path, most_bytes=MOST_BYTES)
    try:
        document = unsealed(content)
    except ValueError as error:
        raise ArtifactError(
            str(path),
            f"not a valid {kind.__name__}: {error}",
            hint="restore the file, or give the command that wrote it again",
        ) from None
    try:
        return kind.model_validate_json(text_of_json(document), strict=True)
    except ValidationError as error:
        raise ArtifactError(str(path), f"not a valid {kind.__name__}: {told(error)}") from None


def told(error: ValidationError) -> str:
    """Return the first thing that is wrong with a record, in one line, by its key."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    problem = " ".join(first["msg"].split())
    return f"{where}: {problem}" if where else problem


def text_of_json(document: object) -> str:
    """Return JSON text for people: indented, of finite numbers alone; it ends with a newline.

    Raises:
        ValueError: a number is not finite.
    """
    return json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
