"""What is sandlock told of a box, and what does it refuse? Without one: `tests/security` has it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import marshal
import os
import signal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox import load_profile
from toolrun.sandbox.bubblewrap import seccomp
from toolrun.sandbox.bubblewrap.privilege import UNPRIVILEGED_UID, Passage, Passages
from toolrun.sandbox.hidden import Mask
from toolrun.sandbox.order import Bind, Order
from toolrun.sandbox.sandlock import backend
from toolrun.sandbox.sandlock.backend import Sandlock
from toolrun.sandbox.view import Folder, View

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PURE = load_profile("pure")


@pytest.fixture(autouse=True)
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A package sandlock that is installed."""
    there = SimpleNamespace(origin=str(tmp_path / "site" / "sandlock" / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: there)
    backend._site.cache_clear()
    yield tmp_path / "site"
    backend._site.cache_clear()


def order(folder: Path, **fields: Any) -> Order:
    boot = {"env": {"A": "b"}, "limits": {"RLIMIT_NPROC": 1, "RLIMIT_CORE": 0}, "writable": ["/x"]}
    return Order(
        **{
            "profile": PURE,
            "view": View((Folder(str(folder), "dotted"),)),
            "boot": marshal.dumps(boot),
            **fields,
        }
    )


@pytest.mark.parametrize("root", [True, False], ids=["root", "a user"])
async def test_a_guard_is_told_what_the_box_may(
    root: bool,  # noqa: FBT001 - a parameter of the test
    site: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[frozenset[str]] = []
    owned: list[tuple[str, int, int]] = []

    async def get(_: object, paths: Any, __: str) -> Passage:
        asked.append(frozenset(paths))
        return Passage(("nsenter", "--"))

    monkeypatch.setattr(Passages, "get", get)
    monkeypatch.setattr(backend, "is_real_root", lambda: root)
    monkeypatch.setattr("os.chown", lambda *given: owned.append(given))
    (made := tmp_path / "made").mkdir()
    monkeypatch.setattr("tempfile.mkdtemp", lambda prefix: str(made))
    shown, kept = tmp_path / "shown", tmp_path / "kept"
    shown.mkdir()
    kept.mkdir()
    described = order(
        shown,
        masks=((Mask(f"{shown}/.git", is_folder=True),),),
        binds=(
            Bind(str(kept), "/kept"),
            Bind("/nowhere", "/nowhere"),
            Bind(str(tmp_path), "/out", writable=True),
        ),
    )
    with contextlib.ExitStack() as give:
        sandlock = Sandlock()
        start = await sandlock.start(described, give)
        assert start.info is not None
        give.callback(os.close, start.info)
        give.callback(start.control.close)
        request = json.loads(os.read(start.inherit[0], 1 << 20))
        boot = marshal.loads(os.read(start.inherit[1], 1 << 16))

    assert start.command[0] == "nsenter"
    assert start.ends_by == signal.SIGTERM
    assert {str(shown), str(site)} <= asked[0]
    assert owned == ([(str(made), UNPRIVILEGED_UID, UNPRIVILEGED_UID)] if root else [])
    policy = request["policy"]
    assert {str(shown), str(kept)} <= set(policy["fs_readable"])
    assert not {"/nowhere", str(tmp_path)} & set(policy["fs_readable"])
    assert policy["fs_writable"] == [str(made), "/dev/null", str(tmp_path)]
    assert policy["fs_denied"] == [f"{shown}/.git"]
    assert policy["cwd"] == str(made)
    assert boot["env"] == {"A": "b", "HOME": str(made), "TMPDIR": str(made)}
    assert boot["limits"] == {"RLIMIT_CORE": 0}
    assert boot["writable"] == [str(made)]
    sandlock.close()
    assert made.exists()  # the guard's, who may still use it


def test_a_box_works_where_it_is_told_to(tmp_path: Path) -> None:
    assert backend._policy(order(tmp_path, cwd="/elsewhere"), "/made")["cwd"] == "/elsewhere"


@pytest.mark.parametrize(("key", "value"), [("network", "allow-list"), ("workspace", "scratch")])
async def test_what_takes_a_namespace_is_refused(key: str, value: str, tmp_path: Path) -> None:
    profile = msgspec.structs.replace(PURE, **{key: value})

    with contextlib.ExitStack() as give, pytest.raises(SandboxUnavailable, match=f"{key} = '"):
        await Sandlock().start(order(tmp_path, profile=profile), give)


def test_where_it_lies_is_its_identity(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Sandlock().identity() == f"{site}/sandlock"

    for missing in (None, SimpleNamespace(origin=None)):
        backend._site.cache_clear()
        monkeypatch.setattr(importlib.util, "find_spec", lambda _, found=missing: found)
        with pytest.raises(SandboxUnavailable, match="pip install toolrun"):
            Sandlock().identity()


def test_a_kernel_that_is_too_old_is_told_of() -> None:
    assert "Linux 6.12" in Sandlock().remedy("Landlock ABI 3")
    assert "landlock_abi_version" in Sandlock().remedy("it failed")


def test_without_a_filter_the_network_is_not_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp, "machine", lambda: "x86_64")
    assert {"network", "syscalls"} <= Sandlock().guarantees
    assert len(backend._filters()) == 2

    monkeypatch.setattr(seccomp, "machine", lambda: None)
    assert not {"network", "syscalls"} & Sandlock().guarantees
    assert backend._filters() == []
