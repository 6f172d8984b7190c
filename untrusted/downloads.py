"""Files by https, and by nothing else."""

import http.client
import ssl
import urllib.error
import urllib.request
from pathlib import Path

from untrusted.compressed import CHUNK_BYTES, Readable

SECONDS_OF_SILENCE = 30.0
USER_AGENT = "onnxproof"  # some hosts refuse Python's
# What a download raises; http.client's are no OSErrors.
FAILURES = (OSError, http.client.HTTPException)


def download(url: str, path: Path, size_bytes: int, *, is_exact: bool = True) -> None:
    """Write a file of this size, which the caller verifies and puts in its place.

    Args:
        url: where it comes from.
        path: of the new file.
        size_bytes: that it has; where that is not exact, that it may have at most.
        is_exact: whether it has so many.

    Raises:
        OSError: the host cannot be reached, or not by https, or sent another number of bytes; or
            the disk is full.
        http.client.HTTPException: the host answers with something else.
    """
    request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT})
    try:
        with _opener().open(request, timeout=SECONDS_OF_SILENCE) as response:
            done = _write(response, path, url, size_bytes)
    except urllib.error.HTTPError as error:
        error.close()  # it is the answer too, and holds the connection
        raise
    if is_exact and done < size_bytes:
        raise OSError(f"{url} sent {done:,} of {size_bytes:,} bytes")


def _write(response: Readable, path: Path, url: str, size_bytes: int) -> int:
    done = 0
    with path.open("wb") as file:
        while chunk := response.read(CHUNK_BYTES):
            done += len(chunk)
            if done > size_bytes:
                raise OSError(f"{url} sends more than the {size_bytes:,} bytes that it should")
            file.write(chunk)
    return done


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener that knows no other protocol: a redirect to http or to a file fails too."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener
