"""Servers on this machine that speak https, with a certificate of their own; or http."""

import http.server
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

__all__ = ["CONTENT", "Server", "certificate", "plain", "trusted", "untrusted"]

CONTENT = bytes(range(256)) * 10


@dataclass
class Server:
    """Answers by http or https; what it was asked for is noted."""

    url: str = ""
    redirects: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    content: bytes = CONTENT


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
            self.send_response(200 if self.path.startswith("/file") else 404)
            self.end_headers()
            self.wfile.write(server.content)

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
