"""What if a part of the box were missing? Each part that a test can take away, by its name.

An attack that is held must be seen to succeed where the part that holds it is gone: else nobody
knows that it could fail.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tests.security import arena
from tests.security.scene import SECRET, VARIABLE
from toolrun.sandbox import cgroup, code, load_profile, order, probe, protocol, watch
from toolrun.sandbox.bubblewrap import arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest

    from tests.security.scene import Scene
    from toolrun.sandbox import Profile


def weaken(part: str, monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    """Take a part of every box away, until the end of the test."""

    async def unprobed(*_: object) -> None:
        """Is content: the probe would find the weakness, which is its task."""

    monkeypatch.setattr(probe, "probe", unprobed)
    _PARTS[part](monkeypatch, scene)


def _described(monkeypatch: pytest.MonkeyPatch, change: Callable[[list[str]], list[str]]) -> None:
    original: Callable[..., Any] = arguments.arguments
    monkeypatch.setattr(
        arguments, "arguments", lambda *given, **more: change(original(*given, **more))
    )


def _less(words: list[str], *wanted: str) -> list[str]:
    """The words without a run of them, which must be there."""
    count = len(wanted)
    at = [at for at in range(len(words)) if tuple(words[at : at + count]) == wanted]
    assert at, f"bubblewrap is not given {' '.join(wanted)}"
    for start in reversed(at):
        del words[start : start + count]
    return words


def _network(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    _described(monkeypatch, lambda words: _less(words, "--unshare-net"))


def _root(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    _described(monkeypatch, lambda words: _less(words, "--remount-ro", "/"))


def _proc(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    _described(monkeypatch, lambda words: _less(words, "--remount-ro", "/proc"))


_ROOT: Final = ["--remount-ro", "/"]


def _files(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    def show(words: list[str]) -> list[str]:
        (at,) = [at for at, word in enumerate(words) if words[at - 1 : at + 1] == _ROOT]
        folder = str(scene.folder)
        return [*words[: at - 1], "--ro-bind", folder, folder, *words[at - 1 :]]

    _described(monkeypatch, show)


def _size(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    def without(words: list[str]) -> list[str]:
        while "--size" in words:
            at = words.index("--size")
            del words[at : at + 2]
        return words

    _described(monkeypatch, without)
    _watch(monkeypatch, scene)


def _everywhere(monkeypatch: pytest.MonkeyPatch, original: object, instead: object) -> None:
    """Replace a function in every module that has imported it."""
    found = [
        (module, name)
        for key, module in list(sys.modules.items())
        if key.startswith("toolrun.sandbox")
        for name, value in vars(module).items()
        if value is original
    ]
    assert found
    for module, name in found:
        monkeypatch.setattr(module, name, instead)


def _rlimits(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    def none(profile: object) -> dict[str, int]:
        return {}

    _everywhere(monkeypatch, code.rlimits, none)


def _watch(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    _everywhere(monkeypatch, watch.exceeded, lambda *_, **__: None)
    _everywhere(monkeypatch, cgroup.hold, lambda *_: None)


def _checks(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    def unchecked(reply: protocol.Reply) -> msgspec.Raw:
        return msgspec.Raw(reply._frames.get(protocol.JSON, b""))

    monkeypatch.setattr(protocol.Reply, "value", unchecked)


def _output(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    def generous(name: str) -> Profile:
        return msgspec.structs.replace(load_profile(name), output_bytes=1 << 24)

    monkeypatch.setattr(arena, "load_profile", generous)


def _environment(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    assert isinstance(order.ENVIRONMENT, dict)
    monkeypatch.setitem(order.ENVIRONMENT, VARIABLE, SECRET)


_PARTS: Final[Mapping[str, Callable[[pytest.MonkeyPatch, Scene], None]]] = {
    "network": _network,
    "read-only root": _root,
    "read-only /proc": _proc,
    "files": _files,
    "size of /tmp": _size,
    "rlimits": _rlimits,
    "watch": _watch,
    "environment": _environment,
    "check of the result": _checks,
    "limit of output": _output,
}
PARTS: Final = tuple(_PARTS)
