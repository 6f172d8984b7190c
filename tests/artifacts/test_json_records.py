import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from artifacts.files import sha256_of_file
from artifacts.json_records import (
    MOST_BYTES,
    Record,
    content_of_record,
    document_of_record,
    read_record,
    write_record,
)
from artifacts.training_records import Recipe
from errors import ArtifactError
from tests.artifacts.conftest import RECIPE
from untrusted.sealed_json import sealed


class Sample(Record):
    name: str
    count: int
    share: float
    parts: tuple[float, ...] = ()
    places: dict[str, float] = Field(default_factory=dict)
    note: str | None = None


SAMPLE = Sample(name="é\n", count=3, share=0.1, parts=(1.0, 2.5), places={"cpu": 1e-300})
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sample.json"


def refusal(path: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        read_record(path, Sample)
    assert caught.value.subject == str(path)
    return caught.value.problem


def test_record_comes_back_as_it_was_written(path: Path) -> None:
    assert write_record(path, SAMPLE) == sha256_of_file(path)
    assert read_record(path, Sample) == SAMPLE
    assert json.loads(path.read_bytes()) == sealed(SAMPLE.to_dict()) == document_of_record(SAMPLE)


@given(
    st.builds(
        Sample,
        name=st.text(),
        count=st.integers(),
        share=FINITE,
        parts=st.lists(FINITE).map(tuple),
        note=st.none() | st.text(),
    )
)
def test_record_comes_back_from_its_json(record: Sample) -> None:
    assert Sample.model_validate_json(record.to_json()) == record


def test_schema_version_is_called_schema_in_the_file(path: Path) -> None:
    write_record(path, RECIPE)
    assert json.loads(path.read_bytes())["schema"] == 1
    assert read_record(path, Recipe) == RECIPE


@pytest.mark.parametrize("key", ["count", "parts", "new"])
def test_record_is_frozen(key: str) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(SAMPLE, key, 4)


def test_unknown_key_is_refused_by_name(path: Path) -> None:
    path.write_text(json.dumps(sealed({**SAMPLE.to_dict(), "suprise": 1})))
    assert refusal(path).startswith("not a valid Sample: suprise: ")


def test_missing_key_is_refused_by_name(path: Path) -> None:
    path.write_text(json.dumps(sealed({"name": "a", "count": 1})))
    assert refusal(path) == "not a valid Sample: share: Field required"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", 3),
        ("name", None),
        ("count", 1.5),
        ("count", "5"),
        ("count", True),
        ("count", "many"),
        ("count", None),
        ("share", []),
        ("share", "0.5"),
        ("parts", 1.0),
        ("parts", {"0": 1.0}),
        ("note", False),
    ],
)
def test_value_of_the_wrong_type_is_refused_by_key(path: Path, key: str, value: object) -> None:
    path.write_text(json.dumps(sealed({**SAMPLE.to_dict(), key: value})))
    assert refusal(path).startswith(f"not a valid Sample: {key}: ")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("key", ["share", "parts", "places"])
def test_number_that_is_not_finite_is_refused_when_made_and_when_written(
    path: Path, key: str, value: float
) -> None:
    holding = {"share": value, "parts": (value,), "places": {"cpu": value}}[key]
    with pytest.raises(ValidationError, match="finite"):
        Sample.model_validate({**SAMPLE.to_dict(), key: holding})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_record(path, SAMPLE.model_copy(update={key: holding}))  # copies unvalidated
    assert not path.exists()


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_number_that_is_not_finite_is_refused_when_read(path: Path, text: str) -> None:
    path.write_text(SAMPLE.to_json().replace("0.1", text))
    assert refusal(path) == f"not a valid Sample: has the number {text}, which is not finite"


@pytest.mark.parametrize("key", ["count", "share"])
def test_number_that_was_edited_is_refused_with_the_way_out(path: Path, key: str) -> None:
    path.write_text(json.dumps(document_of_record(SAMPLE) | {key: 4}))
    with pytest.raises(ArtifactError, match="was changed since it was written") as caught:
        read_record(path, Sample)
    assert caught.value.hint == "restore the file, or give the command that wrote it again"


def test_record_without_its_sha256_is_refused(path: Path) -> None:
    path.write_text(SAMPLE.to_json())
    assert refusal(path).startswith("not a valid Sample: has no record_sha256")


def test_file_that_is_too_large_is_refused_unread(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    assert refusal(path).startswith("is too large: wanted at most 134,217,728 bytes")


def test_named_pipe_does_not_hang(path: Path) -> None:
    os.mkfifo(path)
    assert refusal(path) == "is a named pipe: wanted a regular file"


def test_truncated_file_is_refused_at_every_length(path: Path) -> None:
    content = content_of_record(SAMPLE)
    for length in range(len(content.rstrip())):
        path.write_bytes(content[:length])
        assert refusal(path).startswith("not a valid Sample: "), length


@pytest.mark.parametrize("content", [b"[]", b"null", b"\xff\xfe{}", b"{} {}", b"\0" * 100])
def test_file_that_holds_something_else_is_refused_in_one_line(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert "\n" not in refusal(path)


def test_file_that_cannot_be_read_is_refused(path: Path) -> None:
    assert refusal(path) == "no such file"
    path.mkdir()
    assert refusal(path) == "is a directory: wanted a regular file"
