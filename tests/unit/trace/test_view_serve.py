"""Are traces served to whoever has the address, and to nobody else?"""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.unit.trace.journals import ONE_CALL, OPENED, written
from toolrun.events import UserMessage
from toolrun.trace.view.serve import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def _served(source: Path, kind: type[Server] = Server) -> Iterator[Server]:
    with kind(source, 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _asked(
    server: Server, path: str, *, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        reply = connection.getresponse()
        return reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read()
    finally:
        connection.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "traces"
    folder.mkdir()
    written(folder / "a.jsonl", ONE_CALL)
    written(tmp_path / "secret.jsonl", ONE_CALL)
    return folder


def test_a_folder_is_served_as_a_list_and_pages(folder: Path) -> None:
    with _served(folder) as server:
        root = urlsplit(server.url).path
        status, headers, page = _asked(server, root)
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert b'<a href="./a.jsonl">How long is notes.txt?</a>' in page
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"] == "frame-ancestors 'none'"
        status, _, page = _asked(server, f"{root}a.jsonl")
        assert status == 200
        assert b'"home":"./"' in page
        # What changed is read again.
        written(folder / "a.jsonl", [OPENED, UserMessage("Other words"), *ONE_CALL[2:]])
        assert b">Other words</a>" in _asked(server, root)[2]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "", "localhost.:80"])
def test_another_host_is_refused(folder: Path, host: str) -> None:
    with _served(folder) as server:
        root = urlsplit(server.url).path
        assert _asked(server, root, Host=host)[0] == 421
        assert _asked(server, root, Host=f"localhost:{server.server_port}")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "../secret.jsonl",
        "..%2fsecret.jsonl",
        "%2e%2e/secret.jsonl",
        "a.jsonl/../../secret.jsonl",
        "a.jsonl%00",
        "/etc/passwd",
        "//etc/passwd",
        "\\..\\secret.jsonl",
        "b.jsonl",
        "a.jsonl/",
    ],
)
def test_no_path_leads_out_of_the_folder(folder: Path, path: str) -> None:
    with _served(folder) as server:
        root = urlsplit(server.url).path
        assert _asked(server, f"{root}{path}")[0] == 404


def test_without_the_word_there_is_nothing(folder: Path) -> None:
    with _served(folder) as server:
        word = urlsplit(server.url).path.strip("/")
        assert len(word) >= 20
        for path in (
            "/",
            f"/{word}",
            "/a.jsonl",
            f"/{word[:-1]}/",
            f"/{word}x/a.jsonl",
            "/%C3%A9/",
        ):
            assert _asked(server, path)[0] == 404
        for method in ("POST", "PUT", "DELETE", "HEAD"):
            assert _asked(server, f"/{word}/", method=method)[0] == 501
    with _served(folder) as again:
        assert urlsplit(again.url).path.strip("/") != word


def test_a_file_is_served_alone(folder: Path) -> None:
    with _served(folder / "a.jsonl") as server:
        root = urlsplit(server.url).path
        status, _, page = _asked(server, root)
        assert status == 200
        assert b'"home":' not in page
        assert _asked(server, f"{root}a.jsonl")[0] == 404
        (folder / "a.jsonl").write_text("nonsense\n")
        status, headers, text = _asked(server, root)
        assert (status, headers["content-type"]) == (422, "text/plain; charset=utf-8")
        assert b"line 1" in text


class _Spoiled(Server):
    """Has a bug."""

    @property
    def title(self) -> str:
        raise LookupError("a bug")


def _goes_away(server: Server, path: str) -> None:
    """Ask for a page, and be gone before it comes."""
    with socket.create_connection(("127.0.0.1", server.server_port)) as gone:
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        host = f"127.0.0.1:{server.server_port}"
        gone.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())


def test_of_a_reader_that_goes_away_nothing_is_said_and_the_next_is_served(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    written(folder / "long.jsonl", [OPENED, *(UserMessage("x" * 3000) for _ in range(2000))])
    with _served(folder) as server:
        root = urlsplit(server.url).path
        for path in (f"{root}long.jsonl", root, f"{root}long.jsonl"):
            _goes_away(server, path)
        status, _, page = _asked(server, f"{root}a.jsonl")
        assert (status, b"</html>" in page) == (200, True)

    assert capfd.readouterr().err == ""


def test_a_bug_of_the_server_is_said(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with _served(folder, _Spoiled) as server:
        assert b"</html>" not in _asked(server, urlsplit(server.url).path)[2]
        status, _, _ = _asked(server, f"{urlsplit(server.url).path}a.jsonl")
        assert status == 200

    assert "LookupError: a bug" in capfd.readouterr().err


def test_a_list_that_is_asked_for_again_reads_what_changed(folder: Path) -> None:
    with _served(folder) as server:
        root = urlsplit(server.url).path
        first = _asked(server, root)[2]
        assert _asked(server, root)[2] == first
        written(folder / "a.jsonl", [OPENED, UserMessage("Something else?")])
        assert b">Something else?</a>" in _asked(server, root)[2]
