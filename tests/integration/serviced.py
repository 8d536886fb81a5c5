"""How does a test get workers of docs/examples/service as processes, and clients of them?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import httpx2
import msgspec
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from websockets.sync.connection import Connection

ROOT: Final = Path(__file__).parents[2]
EXAMPLE: Final = ROOT / "docs" / "examples" / "service"
KEYS: Final = {"acme": "key-of-acme-0123456789", "globex": "key-of-globex-0123456789"}
Said = tuple[str, dict[str, Any]]
"""The id of an event, and the event."""


class Worker:
    """A worker of the service in a process of its own; it is killed with the block.

    Attributes:
        url: where it listens.
        err: what it logs.
    """

    def __init__(self, folder: Path, store: str, model: str, **env: str) -> None:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TOOLRUN_", "SERVICE_"))
        }
        self._err = folder / f"worker-{len(list(folder.glob('worker-*')))}.log"
        with self._err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agent_service"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
                cwd=folder,
                env={
                    **kept,
                    "PYTHONPATH": f"{ROOT}:{EXAMPLE}",
                    "TOOLRUN_STORE": store,
                    "TOOLRUN_BASE_URL": model,
                    "SERVICE_PORT": "0",
                    "SERVICE_KEYS": ",".join(f"{name} {key}" for name, key in KEYS.items()),
                    "SERVICE_TAKE_OVER_SECONDS": "0.2",
                    "SERVICE_WATCH_SECONDS": "0.1",
                    **env,
                },
                text=True,
            )

    def ready(self) -> Self:
        """Wait for it: several that start do so at the same time."""
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            self.kill()
            raise RuntimeError(f"the worker did not start:\n{self.err}")
        return self

    @property
    def err(self) -> str:
        return self._err.read_text()

    @property
    def fds(self) -> frozenset[int]:
        """This process's end of the pipe to it."""
        assert self.process.stdout is not None
        return frozenset({self.process.stdout.fileno()})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def terminate(self, seconds: float = 20) -> int:
        """Have it drain, and return with which code it ended."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def client(self, tenant: str = "acme") -> Client:
        """A client of it."""
        return Client(self.url, KEYS.get(tenant, tenant))


class Client:
    """A tenant's client of one worker; a context manager."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key
        self.http = httpx2.Client(
            base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()

    def get(self, path: str) -> Any:
        return self._json(self.http.get(path))

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._json(self.http.post(path, json=body or {}))

    def new(self) -> str:
        """A new session's id."""
        found: str = self.post("/v1/sessions")["id"]
        return found

    def ask(self, session: str, text: str) -> str:
        """Begin a turn, and say after which event."""
        found: str = self.post(f"/v1/sessions/{session}/ask", {"text": text})["after"]
        return found

    def decide(self, session: str, call_id: str, **decision: Any) -> Any:
        return self.post(f"/v1/sessions/{session}/approvals/{call_id}", decision)

    @contextmanager
    def events(self, session: str, after: str = "") -> Iterator[Iterator[Said]]:
        """The events of a session, as Server-Sent Events."""
        headers = {"last-event-id": after}
        with self.http.stream("GET", f"/v1/sessions/{session}/events", headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            yield said(answer)

    def until(self, session: str, kind: str, after: str = "") -> list[Said]:
        """The events of a session up to the first of a kind."""
        with self.events(session, after) as events:
            return up_to(events, kind)

    @contextmanager
    def socket(self, session: str, after: str = "") -> Iterator[Connection]:
        """A WebSocket that leads a session."""
        url = f"{self.url.replace('http', 'ws', 1)}/v1/sessions/{session}/ws"
        with connect(url, proxy=None) as socket:
            socket.send(f'{{"type":"hello","key":"{self.key}","after":"{after}"}}')
            yield socket

    def _json(self, answer: httpx2.Response) -> Any:
        assert answer.status_code < 300, f"{answer.status_code} {answer.text}"
        return answer.json()


def said(answer: httpx2.Response) -> Iterator[Said]:
    """The events of an answer, as they come."""
    place = ""
    for line in answer.iter_lines():
        if line.startswith("id: "):
            place = line[4:]
        elif line.startswith("data: "):
            yield place, msgspec.json.decode(line[6:])


def told(socket: Connection) -> Iterator[Said]:
    """The events that a WebSocket brings; answers are passed over."""
    while True:
        message = msgspec.json.decode(socket.recv(timeout=60), type=dict[str, Any])
        if message["type"] == "event":
            yield message["id"], message["event"]


def up_to(events: Iterator[Said], kind: str) -> list[Said]:
    """Events up to the first of a kind."""
    found = []
    for each in events:
        found.append(each)
        if each[1]["type"] == kind:
            return found
    raise AssertionError(f"no {kind} came, but {[event['type'] for _, event in found]}")


def kinds(events: list[Said]) -> list[str]:
    """Their types, pieces of one text counted once."""
    names = [event["type"] for _, event in events]
    return [
        name
        for at, name in enumerate(names)
        if not at or name != names[at - 1] or not name.endswith("Delta")
    ]


def text_of(events: list[Said], kind: str = "TextDelta") -> str:
    """The pieces of a text, joined."""
    return "".join(event["text"] for _, event in events if event["type"] == kind)
