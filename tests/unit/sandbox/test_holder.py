"""What happens where the process that mounts layers is killed, keeps silent or is not to be had?"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.sandbox.forked import Forked, script
from toolrun.errors import SandboxUnavailable
from toolrun.sandbox import load_profile
from toolrun.sandbox.bubblewrap.privilege import Passage
from toolrun.sandbox.layer import holder, mounts
from toolrun.sandbox.layer.holder import Holder

if TYPE_CHECKING:
    from collections.abc import Iterator

PROFILE = load_profile("workspace")


@pytest.fixture
def mounting() -> Iterator[Holder]:
    made = Holder(sys.executable, Passage())
    yield made
    made.close()


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as made:
        yield made


async def test_one_that_is_killed_is_replaced_and_what_it_held_given_up(
    mounting: Holder, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as second, contextlib.ExitStack() as first:
        await mounting.open(str(tmp_path), PROFILE, first)
        killed = mounting._process
        assert killed is not None
        killed.kill()
        killed.wait()
        first.close()  # nobody is there who could drop a layer

        again = await mounting.open(str(tmp_path), PROFILE, second)
        assert mounting._process is not killed
        assert os.fstat(again.root)


async def test_a_layer_of_one_that_is_gone_is_not_dropped_by_the_next(
    mounting: Holder, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as second:
        with contextlib.ExitStack() as first:
            await mounting.open(str(tmp_path), PROFILE, first)
            mounting.close()
            mounting._names = itertools.count(1)
            again = await mounting.open(str(tmp_path), PROFILE, second)
        process = mounting._process
        assert process is not None
        place = Path(f"/proc/{process.pid}/root{again.source}")
        with contextlib.ExitStack() as third:
            mounting._names = itertools.count(2)
            await mounting.open(str(tmp_path), PROFILE, third)  # after whatever it was told before
            assert place.is_dir()  # noqa: ASYNC240 - a line of a test


async def test_root_that_may_not_mount_is_told_so(
    tmp_path: Path, stack: contextlib.ExitStack
) -> None:
    dropped = Holder(sys.executable, Passage(("nsenter", "--")))

    with pytest.raises(SandboxUnavailable, match="without CAP_SYS_ADMIN"):
        await dropped.open(str(tmp_path), PROFILE, stack)


async def test_without_the_program_that_enters_namespaces_it_is_named(
    mounting: Holder,
    tmp_path: Path,
    stack: contextlib.ExitStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    with pytest.raises(SandboxUnavailable, match=r"nsenter, which is missing\. Install util-linux"):
        await mounting.open(str(tmp_path), PROFILE, stack)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("import sys; sys.stdin.read()", r"said nothing for 0\.5 s"),
        ("", "the process that mounts said nothing"),
        ("import sys; sys.exit('no\\nmemory')", "can be made: memory"),
    ],
    ids=["silent", "gone", "failed"],
)
async def test_one_that_does_not_answer_is_ended_and_told_of(
    script: str,
    told: str,
    mounting: Holder,
    tmp_path: Path,
    stack: contextlib.ExitStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (place := tmp_path / "script.py").write_text(script)
    monkeypatch.setattr(holder, "_SCRIPT", place)
    monkeypatch.setattr(holder, "_ANSWER_SECONDS", 0.5 if "read" in script else 60)
    mounting = Holder(sys.executable, Passage())

    with pytest.raises(SandboxUnavailable, match=told):
        await mounting.open(str(tmp_path), PROFILE, stack)
    assert mounting._process is None


def test_a_folder_of_somebody_elses_is_to_be_copied(mounting: Holder, tmp_path: Path) -> None:
    owner = tmp_path.stat()
    assert mounting._unmapped(str(tmp_path)) == ""

    mounting._uid = owner.st_uid + 1
    assert mounting._unmapped(str(tmp_path)) == (
        f"it belongs to user {owner.st_uid} and group {owner.st_gid}"
    )


def test_the_script_says_where_layers_are_and_ends_with_its_requests() -> None:
    answers, their_out = os.pipe()

    def run() -> None:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(their_out, 1)
        sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
        script(mounts.__file__)

    forked = Forked(run, (their_out,))
    os.close(their_out)
    with os.fdopen(answers) as told:
        said = told.read()

    assert forked.wait() == 0
    assert json.loads(said)["place"] in mounts.PLACES
