"""How are traces looked at over HTTP? On this machine alone, by whoever has the address.

The address holds a random word. Requests that name another host than this are refused: a page of
another site whose name was made to lead here (DNS rebinding) would name its own. Nothing is
written, and no path is ever made of what a request says: it is looked up among the traces.
"""

from __future__ import annotations

import secrets
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast
from urllib.parse import unquote_to_bytes

from toolrun.errors import TraceError
from toolrun.trace.view.folder import Known, summaries_of, traces_in
from toolrun.trace.view.listing import list_page
from toolrun.trace.view.page import write_page

if TYPE_CHECKING:
    from pathlib import Path

_HEADERS: Final = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Server(ThreadingHTTPServer):
    """Serves a trace, or the traces of a folder: a page is made when it is asked for.

    Args:
        source: a trace file, or a folder.
        port: 0 for any.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads = True

    def __init__(self, source: Path, port: int) -> None:
        self._source = source
        self._word = secrets.token_urlsafe(16)
        self.known: Known = Known()
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """Where the list of a folder is, or the page of a file."""
        return f"http://127.0.0.1:{self.server_port}/{self._word}/"

    @property
    def hosts(self) -> tuple[str, str]:
        """What a request may name as its host."""
        return f"127.0.0.1:{self.server_port}", f"localhost:{self.server_port}"

    def name_in(self, path: str) -> str | None:
        """What a request asks for below the address: "" for the list; None: it has no address."""
        word, slash, name = path.removeprefix("/").partition("/")
        known = secrets.compare_digest(word.encode(), self._word.encode())
        if not known or not slash:
            return None
        return unquote_to_bytes(name).decode("utf-8", "surrogateescape")

    def traces(self) -> dict[str, Path] | Path:
        """The one trace, or those that are in the folder now."""
        return traces_in(self._source) if self._source.is_dir() else self._source

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of readers that went away, and all of a bug."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def title(self) -> str:
        """Of the list."""
        return self._source.resolve().name


class _Handler(BaseHTTPRequestHandler):
    """Answers GET, and nothing else."""

    server_version = "toolrun"
    sys_version = ""
    timeout = 60

    def do_GET(self) -> None:
        server = cast("Server", self.server)
        if self.headers.get_all("Host", []) not in [[host] for host in server.hosts]:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this is served on 127.0.0.1 alone")
            return
        name = server.name_in(self.path.partition("?")[0])
        traces = server.traces()
        if name == "" and isinstance(traces, dict):
            self._begin()
            for piece in list_page(server.title, summaries_of(traces, server.known)):
                self.wfile.write(piece)
            return
        trace = traces.get(name or "") if isinstance(traces, dict) else traces
        if name is None or trace is None or (name and not isinstance(traces, dict)):
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page; the address was printed")
            return
        self._page(trace, "" if not name else "../" * name.count("/") + "./")

    def _page(self, trace: Path, home: str) -> None:
        page = _Begun(self)
        try:
            write_page(trace, cast("BinaryIO", page), home=home)
        except (TraceError, OSError) as error:
            if page.begun:  # the reader is gone
                return
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    def begin(self) -> None:
        """Send what stands before a page."""
        self._begin()

    def _begin(
        self, status: HTTPStatus = HTTPStatus.OK, kind: str = "text/html; charset=utf-8"
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **_HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._begin(status, "text/plain; charset=utf-8")
        self.wfile.write(f"{why}\n".encode("utf-8", "backslashreplace"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing: the address is a secret."""


class _Begun:
    """The body of an answer whose head goes out with its first bytes."""

    def __init__(self, handler: _Handler) -> None:
        self.begun = False
        self._handler = handler

    def write(self, data: bytes) -> int:
        if not self.begun:
            self.begun = True
            self._handler.begin()
        self._handler.wfile.write(data)
        return len(data)
