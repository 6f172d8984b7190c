import json
import time
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrusted.sealed_json import RECORD_SHA256, canonical_json, sealed, strict_json, unsealed

DOCUMENT = {"name": "é 😀\n", "count": 3, "share": 0.1, "parts": [1.0, -2.5e-300], "note": None}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=10,
)


def refusal(content: bytes) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        unsealed(content)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_sha256_is_of_the_sorted_document_without_spaces() -> None:
    by_hand = sha256(b'{"a":[1.5,null],"b":"\xc3\xa9"}').hexdigest()
    document = sealed({"b": "é", "a": [1.5, None]})
    assert document == {RECORD_SHA256: by_hand, "b": "é", "a": [1.5, None]}
    assert next(iter(document)) == RECORD_SHA256


def test_canonical_json_is_equal_for_any_order_of_keys() -> None:
    assert canonical_json({"b": 1, "a": [2]}) == canonical_json({"a": [2], "b": 1})


@given(st.dictionaries(st.text(), VALUES))
def test_document_comes_back_however_it_is_laid_out(document: dict[str, object]) -> None:
    document.pop(RECORD_SHA256, None)
    for layout in ({}, {"indent": 2}, {"sort_keys": True}, {"ensure_ascii": False}):
        text = json.dumps(sealed(document), **layout)
        assert unsealed(text.encode()) == document


def test_document_that_is_sealed_again_has_the_same_sha256() -> None:
    assert sealed(sealed(DOCUMENT)) == sealed(DOCUMENT)


@pytest.mark.parametrize("key", DOCUMENT)
def test_changed_value_is_refused(key: str) -> None:
    document = sealed(DOCUMENT) | {key: "another"}
    assert "was changed since it was written" in refusal(json.dumps(document).encode())


def test_document_without_its_sha256_is_refused() -> None:
    assert "has no record_sha256" in refusal(json.dumps(DOCUMENT).encode())


def test_every_bit_that_flips_is_noticed_or_changes_nothing() -> None:
    content = json.dumps(sealed(DOCUMENT), indent=1).encode()
    refused = 0
    for place in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            try:
                found = unsealed(bytes(damaged))
            except ValueError:
                refused += 1
            else:
                assert found == DOCUMENT
    assert refused > 0.95 * 8 * len(content)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b'{"a": 1, "b": {"c": 2, "c": 3}}', "has the key 'c' twice"),
        (b'{"a": NaN}', "has the number NaN, which is not finite"),
        (b'{"a": [-Infinity]}', "-Infinity, which is not finite"),
        (b'{"a": 1e999}', "1e999, which is not finite"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"a":' * 100_000, "is nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "5000 digits"),
        (b'{"a": "\\ud800"}', "is not text in UTF-8"),
        (b'{"\\uDC00": 1}', "is not text in UTF-8"),
        (b'{"a": "\xff"}', "is not text in UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "is not text in UTF-8"),
        (b"", "Expecting value"),
        (b'{"a": 1} {}', "Extra data"),
        (b'{"a": 1', "Expecting ',' delimiter"),
    ],
)
def test_what_readers_differ_about_is_refused_in_one_line(text: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        strict_json(text)
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_key_that_is_there_twice_is_found_at_once_among_many() -> None:
    text = "{" + ",".join(f'"{number}":1' for number in range(40_000)) + ',"39999":2}'
    start = time.process_time()
    with pytest.raises(ValueError, match="has the key '39999' twice"):
        strict_json(text.encode())
    assert time.process_time() - start < 2  # each key beside all others would take a minute


@pytest.mark.parametrize("text", [b"[]", b"null", b"3", b'"a"'])
def test_what_is_no_object_is_refused(text: bytes) -> None:
    assert refusal(text).startswith("wanted an object, found ")


def test_number_that_is_not_finite_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        sealed({"a": float("nan")})
