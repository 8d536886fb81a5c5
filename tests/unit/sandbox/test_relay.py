"""Does a relay start a container, hand it all that a box inherits, and remove it afterwards?

The container's first process is the real one, without a container around it; `tests/security` has
that. The relay runs in a process forked from the test's own.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.sandbox.forked import Forked, script
from toolrun.sandbox.container import backend, relay
from toolrun.sandbox.descriptors import memory, pipe

if TYPE_CHECKING:
    from collections.abc import Iterator

TELLS = """
import json, os, sys
with os.fdopen(3, "w") as said:
    known = {"env": dict(os.environ), "descriptors": sorted(map(int, os.listdir("/proc/self/fd")))}
    json.dump(known, said)
sys.exit(7)
"""


class Relayed:
    """A relay's request, what its box says and what it tells of the box's first process."""

    def __init__(self, folder: Path, engine: list[str], stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self.removed = folder / "removed"
        self._mine = stack.enter_context(contextlib.ExitStack())
        self._theirs = stack.enter_context(contextlib.ExitStack())
        self._said, said_end = pipe(self._mine, self._theirs)
        self._info, info_end = pipe(self._mine, self._theirs)
        self.complaint = folder / "stderr"
        self.request: dict[str, Any] = {
            "run": engine,
            "remove": ["/bin/sh", "-c", f"echo removed >> {self.removed}"],
            "engine_env": {"ENGINE": "mine"},
            "folder": str(folder / "of-the-box"),
            "socket": str(folder / "socket"),
            "info": info_end,
            "descriptors": [said_end],
            "command": [sys.executable, "-I", "-S", "-c", TELLS],
            "env": {"BOX": "its"},
            "filters": [base64.b64encode(each).decode() for each in backend._filters()],
        }
        (folder / "of-the-box").mkdir()

    def run(self) -> int:
        """Run the script; gives its exit status once all of it is over."""
        asked = memory(self._theirs, json.dumps(self.request).encode())

        def run() -> None:
            os.dup2(os.open(self.complaint, os.O_CREAT | os.O_WRONLY), 2)
            sys.stderr = os.fdopen(2, "w", closefd=False)
            script(relay.__file__, str(asked))

        return self.ended(Forked(run, (asked, self.request["info"], *self.request["descriptors"])))

    def ended(self, forked: Forked) -> int:
        """Its exit status; nothing of what is its own stays open here."""
        self._theirs.close()
        return forked.wait()

    def said(self) -> Any:
        """What the command in the box found."""
        return json.loads(os.read(self._said, 65_536))

    def info(self) -> bytes:
        """Empty where no first process was told of."""
        return os.read(self._info, 4_096)


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a name short enough for a socket."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as made:
        yield made


def first(folder: Path) -> list[str]:
    """What stands for an engine: it runs a container's first process, and nothing around it."""
    *python, source = backend._first()
    source = source.replace('SOCKET = "/run/toolrun"', f"SOCKET = {str(folder / 'socket')!r}")
    chatters = '"$@"; ended=$?; echo "it has ended" >&2; exit $ended'
    return ["/bin/sh", "-c", chatters, "engine", *python, source]


def test_a_box_gets_what_the_relay_inherits_and_the_relay_ends_as_it_does(
    folder: Path, stack: contextlib.ExitStack
) -> None:
    relayed = Relayed(folder, first(folder), stack)

    assert relayed.run() == 7

    told = json.loads(relayed.info())
    assert told["child-pid"] > 1
    said = relayed.said()
    assert said["env"]["BOX"] == "its"
    assert "ENGINE" not in said["env"]
    assert [number for number in said["descriptors"] if number < 3] == [0, 1, 2]
    assert not (folder / "socket").exists()
    assert not relayed.removed.exists()
    assert (folder / "of-the-box").exists()
    assert relayed.complaint.read_text() == ""  # it is of no use where the box did begin


def test_what_an_engine_says_that_starts_nothing_is_said_as_far_as_it_is_short(
    folder: Path, stack: contextlib.ExitStack
) -> None:
    fails = "import os, sys; print(os.environ, 'x' * 100_000, file=sys.stderr); sys.exit(125)"
    relayed = Relayed(folder, [sys.executable, "-I", "-c", fails], stack)

    assert relayed.run() == 125

    said = relayed.complaint.read_text()
    assert "'ENGINE': 'mine'" in said
    assert len(said) == relay._SAID
    assert relayed.info() == b""
    assert not relayed.removed.exists()


def test_an_engine_that_is_killed_is_told_by_its_signal(
    folder: Path, stack: contextlib.ExitStack
) -> None:
    kills = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"

    assert Relayed(folder, [sys.executable, "-I", "-c", kills], stack).run() == 137


def test_a_container_whose_relay_is_gone_is_removed_twice(
    folder: Path, stack: contextlib.ExitStack
) -> None:
    relayed = Relayed(folder, [], stack)

    assert relayed.ended(Forked(lambda: relay._guard(relayed.request))) == 0

    assert relayed.removed.read_text() == "removed\n" * 2
    assert (folder / "of-the-box").exists()  # it is toolrun's own, which is there


def test_without_toolrun_the_folder_goes_as_well(folder: Path, stack: contextlib.ExitStack) -> None:
    relayed = Relayed(folder, [], stack)

    def toolrun() -> None:
        guarded, guards = os.pipe()
        if os.fork() == 0:
            relay._guard(relayed.request)
            os.write(guards, b".")
        else:
            os.read(guarded, 1)  # only then is it known whose end is waited for

    assert relayed.ended(Forked(toolrun)) == 0

    assert relayed.removed.read_text() == "removed\n" * 2
    assert not (folder / "of-the-box").exists()
