"""Downloads from a server on this machine; no test needs a network."""

from pathlib import Path

import pytest

from tests.https import CONTENT, Server
from untrusted.downloads import FAILURES, download


def refused(url: str, path: Path, size_bytes: int = len(CONTENT)) -> str:
    with pytest.raises(FAILURES) as caught:
        download(url, path, size_bytes)
    return str(caught.value)


def test_file_is_what_was_served(trusted: Server, tmp_path: Path) -> None:
    download(f"{trusted.url}/file", tmp_path / "x", len(CONTENT))
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_redirect_is_followed_by_https_alone(
    trusted: Server, plain: Server, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(CONTENT)
    trusted.redirects = {
        "/moved": f"{trusted.url}/file",
        "/downgraded": f"{plain.url}/file",
        "/local": (tmp_path / "secret").as_uri(),
    }
    download(f"{trusted.url}/moved", tmp_path / "x", len(CONTENT))
    assert "unknown url type: http" in refused(f"{trusted.url}/downgraded", tmp_path / "y")
    assert "file" in refused(f"{trusted.url}/local", tmp_path / "z")
    assert plain.asked == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret", "x"]


def test_http_is_not_used_at_all(plain: Server, tmp_path: Path) -> None:
    assert "unknown url type: http" in refused(f"{plain.url}/file", tmp_path / "x")
    assert plain.asked == []


def test_host_that_cannot_prove_its_name_is_refused(untrusted: Server, tmp_path: Path) -> None:
    assert "CERTIFICATE_VERIFY_FAILED" in refused(f"{untrusted.url}/file", tmp_path / "x")
    assert untrusted.asked == []


def test_other_sizes_and_answers_are_refused(trusted: Server, tmp_path: Path) -> None:
    url = f"{trusted.url}/file"
    assert (
        refused(url, tmp_path / "a", 2559)
        == f"{url} sends more than the 2,559 bytes that it should"
    )
    assert refused(url, tmp_path / "b", 2561) == f"{url} sent 2,560 of 2,561 bytes"
    assert "404" in refused(f"{trusted.url}/gone", tmp_path / "c")
