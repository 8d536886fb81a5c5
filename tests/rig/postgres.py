"""A real PostgreSQL server of one's own: in a temporary folder, started and killed at will.

`postgres_url` is a schema of its own for each test, on one server a test process; `Postgres` is
for tests that stop, kill and restart one. Where PostgreSQL is not installed the tests are skipped;
with `TOOLRUN_NEED_POSTGRES` set (CI), they fail.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.rig import leaks

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEBIAN: Final = Path("/usr/lib/postgresql")
_START_S: Final = 60.0
_UNSAFE_AND_FAST: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def binaries() -> Path | None:
    """The folder of the programs of the newest PostgreSQL of this machine."""
    if _DEBIAN.is_dir():
        found = [path for path in _DEBIAN.iterdir() if (path / "bin" / "initdb").exists()]
        if found:
            return max(found, key=lambda path: float(path.name)) / "bin"
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb is not None else None


class Postgres:
    """A server on a socket in a folder of its own; no network.

    Args:
        folder: to keep it in: an empty one that this process made.
        safe: whether it fsyncs, for tests of what survives.
        settings: more of postgresql.conf, each "name=value".
    """

    def __init__(self, folder: Path, *, safe: bool = False, settings: tuple[str, ...] = ()) -> None:
        found = binaries()
        assert found is not None
        self.folder = folder
        self._bin = found
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self._data = folder / "data"
        self._log = folder / "log"
        self._names = itertools.count()
        self._settings = (*([] if safe else _UNSAFE_AND_FAST), *settings)
        self._process: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        folder.chmod(0o700)
        initdb = "initdb -U postgres -A trust -E UTF8 --locale=C --no-sync --no-instructions -D"
        program, *options = initdb.split()
        self._run(self._bin / program, *options, self._data)

    @property
    def pid(self) -> int:
        """Of its first process."""
        assert self._process is not None
        return self._process.pid

    def url(self, database: str = "postgres") -> str:
        """Of one of its databases."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def start(self) -> None:
        """Start it, and return when it answers."""
        settings = ("listen_addresses=", f"unix_socket_directories={self.folder}", *self._settings)
        command = [str(self._bin / "postgres"), "-D", str(self._data)]
        command += [part for each in settings for part in ("-c", each)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._as_user(),
            )
        until = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL does not start:\n{self._log.read_text()[-4000:]}")
            time.sleep(0.02)  # nothing tells when it is ready
        leaks.KNOWN.add(self._process.pid)

    def stop(self) -> None:
        """Stop it as an operator would, cutting connections off."""
        self._end(signal.SIGINT)

    def quit(self) -> None:
        """Stop it at once, without a last checkpoint."""
        self._end(signal.SIGQUIT)

    def kill(self) -> None:
        """Kill -9 all its processes: what a crash of the machine's kernel leaves, but for fsync."""
        assert self._process is not None
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        self._end(signal.SIGKILL)
        for child in children:
            with contextlib.suppress(ProcessLookupError):  # it noticed by itself
                os.kill(int(child), signal.SIGKILL)

    def freeze(self) -> None:
        """Let all its processes do nothing: what is sent is taken by the kernel, never answered."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._signal_all(signal.SIGCONT)

    def database(self) -> str:
        """Make a database, and say its URL."""
        name = f"test{next(self._names)}"
        self.sql(f"CREATE DATABASE {name} STRATEGY FILE_COPY")
        return self.url(name)

    def schema(self) -> str:
        """Make a schema, and say the URL of its database in which nothing else is seen.

        A database is 7 MB of files, a schema is a row.
        """
        import psycopg

        name = f"test{next(self._names)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return f"{self.url()}&options=-csearch_path%3D{name}"

    def sql(self, text: str, database: str = "postgres") -> str:
        """Run a statement with psql; what it prints, bare."""
        return self._run(self._bin / "psql", "-XAtq", "-d", self.url(database), "-c", text)

    def dump(self, database: str) -> str:
        """A database as SQL."""
        options = ("--no-owner", "--no-privileges", "--inserts", "-d", self.url(database))
        lines = self._run(self._bin / "pg_dump", *options).splitlines()
        # `\restrict` is for psql alone, and for the newest.
        return "\n".join(line for line in lines if not line.startswith("\\"))

    def load(self, url: str, dump: str) -> None:
        """Fill an empty database from such SQL."""
        self._run(self._bin / "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", url, text=dump)

    def _signal_all(self, what: signal.Signals) -> None:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for pid in (self.pid, *map(int, children)):
            os.kill(pid, what)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(60)

    def _answers(self) -> bool:
        asked = subprocess.run(
            [self._bin / "pg_isready", "-q", "-h", self.folder, "-t", "1"], check=False
        )
        return asked.returncode == 0

    def _as_user(self) -> dict[str, Any]:
        """It refuses to run as root."""
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def _run(self, *command: str | Path, text: str | None = None) -> str:
        done = subprocess.run(
            [str(part) for part in command],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            timeout=100,
            **self._as_user(),
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}")
        return str(done.stdout).strip()


@contextmanager
def new(*, safe: bool = False, settings: tuple[str, ...] = ()) -> Iterator[Postgres]:
    """A server that runs, and is gone with the block; skips the test where none is installed."""
    if binaries() is None:
        why = "PostgreSQL is not installed; on Debian: apt-get install postgresql"
        if os.environ.get("TOOLRUN_NEED_POSTGRES"):
            pytest.fail(why)
        pytest.skip(why)
    # Not in pytest's own folder: that is 0700 of ours, and the path of a socket is short.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        server = Postgres(folder, safe=safe, settings=settings)
        server.start()
        try:
            yield server
        finally:
            server.quit()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of this test process; don't stop it: `new` makes one that may be."""
    with new() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """An empty place for a store: see `Postgres.schema`."""
    return postgres.schema()
