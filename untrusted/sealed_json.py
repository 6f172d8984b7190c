"""JSON documents that carry their own sha256, and JSON of strangers read strictly.

A bit that flips in a number makes another number, which no parser notices. So what is kept as JSON
says what it must be: the key `record_sha256` holds the SHA-256 of all the other keys, in the one
form that equal values have in common (sorted keys, no spaces, UTF-8). It may be laid out anew, by
an editor or by `--json`, and still holds.
"""

import hashlib
import json
import math
from collections.abc import Mapping

RECORD_SHA256 = "record_sha256"


def sealed(document: Mapping[str, object]) -> dict[str, object]:
    """Return the document with its own sha256 as the first key.

    Raises:
        ValueError: it holds a number that is not finite, or text that is no Unicode.
    """
    rest = {key: value for key, value in document.items() if key != RECORD_SHA256}
    return {RECORD_SHA256: _sha256(rest)} | rest


def unsealed(content: bytes) -> dict[str, object]:
    """Return the document that JSON text in UTF-8 holds, without its sha256, which was verified.

    Raises:
        ValueError: it is not such JSON, or not what was written. The message is one line.
    """
    document = strict_json(content)
    if not isinstance(document, dict):
        raise ValueError(f"wanted an object, found {type(document).__name__}")
    found = document.pop(RECORD_SHA256, None)
    if found is None:
        raise ValueError(f"has no {RECORD_SHA256}: it is of an older version, or cut off")
    if found != _sha256(document):
        raise ValueError(f"was changed since it was written: its {RECORD_SHA256} is another one")
    return document


def strict_json(content: bytes) -> object:
    """Return the value of JSON text in UTF-8 (RFC 8259), read as every other reader reads it.

    Raises:
        ValueError: it is not JSON; names a key twice, or a number that is not finite or has
            thousands of digits; has half of a surrogate pair; or is nested deeper than Python can
            follow. The message is one line.
    """
    try:
        value = json.loads(
            content.decode(),
            object_pairs_hook=_object,
            parse_constant=_finite,
            parse_float=_finite,
        )
        if b"\\ud" in content.lower():
            canonical_json(value)  # half of a surrogate pair cannot be written again
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except UnicodeError:
        raise ValueError("is not text in UTF-8") from None
    except ValueError as error:
        raise ValueError(" ".join(str(error).split())) from None
    return value


def canonical_json(value: object) -> bytes:
    """Return JSON that is the same bytes for equal values: sorted keys, no spaces, UTF-8.

    Raises:
        ValueError: it holds a number that is not finite, or text that is no Unicode.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def _sha256(document: Mapping[str, object]) -> str:
    return hashlib.sha256(canonical_json(document)).hexdigest()


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"has the key {name[:40]!r} twice")
        found[name] = value
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"has the number {text[:40]}, which is not finite")
    return number
