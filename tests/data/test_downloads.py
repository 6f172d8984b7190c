"""Downloads from a server on this machine; no test needs a network."""

import http.server
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from data.downloads import FAILURES, download

CONTENT = bytes(range(256)) * 10


@dataclass
class Server:
    """Answers by http or https; what it was asked for is noted."""

    url: str = ""
    redirects: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


def serve(context: ssl.SSLContext | None) -> Iterator[Server]:
    server = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append(self.path)
            if self.path in server.redirects:
                self.send_response(302)
                self.send_header("Location", server.redirects[self.path])
                self.end_headers()
                return
            self.send_response(200 if self.path == "/file" else 404)
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # a client that leaves is what is tested

    with Quiet(("127.0.0.1", 0), Handler) as listener:
        if context is not None:
            listener.socket = context.wrap_socket(listener.socket, server_side=True)
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        scheme = "http" if context is None else "https"
        server.url = f"{scheme}://localhost:{listener.server_address[1]}"
        yield server
        listener.shutdown()
        thread.join()


@pytest.fixture
def plain() -> Iterator[Server]:
    yield from serve(None)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a certificate for localhost, its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("making a certificate needs openssl")
    folder = tmp_path_factory.mktemp("certificate")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run(command, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes(b"".join((folder / f"{n}.pem").read_bytes() for n in ("key", "certificate")))
    return both


@pytest.fixture
def untrusted(certificate: Path) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    yield from serve(context)


@pytest.fixture
def trusted(untrusted: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return untrusted


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
