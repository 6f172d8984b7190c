"""Records as JSON files: validated when read, never NaN, written atomically."""

import json
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from artifacts.files import sha256_of_bytes
from errors import ArtifactError
from storage.writing import write_bytes

SCHEMA: Literal[1] = 1


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
        return json.dumps(self.to_dict(), indent=2, allow_nan=False, ensure_ascii=False) + "\n"

    def to_dict(self) -> dict[str, object]:
        """Return the record as the dict that its JSON holds."""
        return self.model_dump(mode="json", by_alias=True)


RecordType = TypeVar("RecordType", bound=Record)


def write_record(path: Path, record: Record) -> str:
    """Replace the file by the record's JSON and return the sha256 of what was written.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full.
    """
    content = record.to_json().encode()
    write_bytes(path, content)
    return sha256_of_bytes(content)


def read_record(path: Path, kind: type[RecordType]) -> RecordType:
    """Return the record of type `kind` that the file holds.

    Raises:
        ArtifactError: the file is missing, cannot be read, or does not hold such a record.
    """
    try:
        return kind.model_validate_json(path.read_bytes(), strict=True)
    except FileNotFoundError:
        raise ArtifactError(str(path), "no such file") from None
    except OSError as error:
        raise ArtifactError(str(path), f"cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        problem = f"{where}: {first['msg']}" if where else first["msg"]
        raise ArtifactError(str(path), f"not a valid {kind.__name__}: {problem}") from None
