"""Certificates, proxies and names that fail, over real sockets: each says what it is and what to change."""

from __future__ import annotations

import http.server
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from persona_metrics import settings
from persona_metrics.cli import main
from persona_metrics.critic import check
from persona_metrics.errors import PersonaError

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates with openssl")

CONFIG = """
[ca]
default_ca = here
[here]
dir = .
database = index.txt
serial = serial.txt
new_certs_dir = .
default_md = sha256
policy = policy
x509_extensions = names
[policy]
commonName = supplied
[names]
subjectAltName = {name}
[req]
distinguished_name = empty
[empty]
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with self-signed certificates: ``good``, ``other`` (of another host), ``expired``, ``early``."""
    folder = tmp_path_factory.mktemp("certificates")
    here, other = "IP:127.0.0.1", "DNS:other.example"
    _make(folder, "good", here, "20200101000000Z", "20990101000000Z")
    _make(folder, "other", other, "20200101000000Z", "20990101000000Z")
    _make(folder, "expired", here, "20200101000000Z", "20200201000000Z")
    _make(folder, "early", here, "20980101000000Z", "20990101000000Z")
    return folder


def _make(folder: Path, name: str, host: str, begin: str, end: str) -> None:
    (folder / "ca.cnf").write_text(CONFIG.format(name=host))
    (folder / "index.txt").write_text("")
    (folder / "serial.txt").write_text("01")
    new = ["req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", "new.csr"]
    signed = [
        "ca",
        "-selfsign",
        "-batch",
        "-notext",
        "-keyfile",
        f"{name}.key",
        "-in",
        "new.csr",
        "-out",
        f"{name}.pem",
    ]
    for command in ([*new, "-subj", f"/CN={name}"], [*signed, "-startdate", begin, "-enddate", end]):
        subprocess.run(["openssl", *command, "-config", "ca.cnf"], cwd=folder, check=True, capture_output=True)


class _Handler(http.server.BaseHTTPRequestHandler):
    status, text = 404, b"{}"

    def do_POST(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.text)))
        self.end_headers()
        self.wfile.write(self.text)

    do_GET = do_CONNECT = do_POST

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(status: int = 404, text: bytes = b"{}", certificate: Path | None = None) -> Iterator[int]:
    """Serve one answer to everything, CONNECT too, and yield the port."""
    handler = type("Handler", (_Handler,), {"status": status, "text": text})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, certificate.with_suffix(".key"))
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def said(url: str) -> str:
    with pytest.raises(PersonaError) as caught:
        check(settings.load({"critic_model": "m", "critic_base_url": url}))
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("name", "trusted", "expected"),
    [
        ("good", False, r"the certificate is not trusted: self.signed certificate; .* SSL_CERT_FILE$"),
        ("other", True, r"the certificate is for another host: IP address mismatch.*; change PERSONA_CRITIC_BASE_URL$"),
        ("expired", True, r"the certificate has expired"),
        ("early", True, r"the certificate is not valid yet"),
        ("good", True, r"HTTP 404"),
    ],
)
def test_a_certificate_that_fails_says_how(
    certificates: Path, monkeypatch: pytest.MonkeyPatch, name: str, trusted: bool, expected: str
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates / f"{name}.pem"))
    with serving(certificate=certificates / f"{name}.pem") as port:
        text = said(f"https://127.0.0.1:{port}/v1")
    assert re.search(expected, text), text


def test_tls_where_there_is_none_and_none_where_there_is(certificates: Path) -> None:
    with serving() as port:
        assert "no TLS there: write http://" in said(f"https://127.0.0.1:{port}/v1")
    with serving(certificate=certificates / "good.pem") as port:
        assert "closed without a reply; where TLS is spoken, write https://" in said(f"http://127.0.0.1:{port}/v1")
    for text in (b"The plain HTTP request was sent to HTTPS port", b"Client sent an HTTP request to an HTTPS server."):
        with serving(400, text) as port:
            assert "TLS is spoken there: write https:// instead of http://" in said(f"http://127.0.0.1:{port}/v1")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (407, "the proxy wants a login (HTTP 407): give user and password in HTTPS_PROXY"),
        (403, "the proxy refused (HTTP 403): change HTTPS_PROXY"),
        (502, "the proxy refused (HTTP 502): change HTTPS_PROXY"),
    ],
)
def test_a_proxy_that_refuses_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, status: int, expected: str
) -> None:
    with serving(status, b"denied for user:proxy-password-1") as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:proxy-password-1@127.0.0.1:{port}")
        text = said("https://critic.invalid/v1")
    assert expected in text
    assert "proxy-password-1" not in text


def test_a_proxy_without_login_for_plain_http_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(407) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        assert "HTTP 407: the proxy wants a login" in said("http://critic.invalid/v1")


def test_nobody_there_is_told_from_no_such_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "connection failed: refused" in said(f"http://127.0.0.1:{port}/v1")
    assert "no such host: critic.invalid is not known here" in said("http://critic.invalid/v1")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    assert "the proxy does not answer: refused; change HTTPS_PROXY" in said("https://critic.invalid/v1")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SSL_CERT_FILE", "/nowhere.pem", "SSL_CERT_FILE=/nowhere.pem: No such file"),
        ("SSL_CERT_FILE", __file__, "no certificate in it"),
        ("HTTPS_PROXY", "garbage://host", "no connection can be made: .*HTTPS_PROXY"),
    ],
)
def test_what_makes_no_client_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    assert re.search(expected, said("https://127.0.0.1:9/v1"))
    monkeypatch.setenv("PERSONA_CRITIC_MODEL", "m")
    assert main(["doctor", "--model_base_url", "https://127.0.0.1:9/v1"]) == 1
    assert "FAIL  model endpoint" in capsys.readouterr().out


def test_doctor_says_of_the_model_what_failed(certificates: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(certificate=certificates / "good.pem") as port:
        main(["doctor", "--model_base_url", f"https://127.0.0.1:{port}/v1"])
    assert "does not answer: the certificate is not trusted" in capsys.readouterr().out
