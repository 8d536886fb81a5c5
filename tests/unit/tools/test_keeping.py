"""Is what goes on between calls kept for its session, and ended when it is its turn?"""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from toolrun.tools.kept import Kept
from toolrun.tools.living import Living


class Thing:
    """Holds a box, or says that it does."""

    def __init__(self, ended: list[str], name: str, *, is_busy: bool = False) -> None:
        self._ended = ended
        self.name = name
        self.is_busy = is_busy

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()
        self._ended.append(f"{self.name}, seen gone")

    def close(self) -> None:
        self._ended.append(self.name)


def test_a_thing_is_made_once_for_each_key() -> None:
    kept, made = Kept(), iter("abc")

    assert [kept.of(key, lambda: next(made)) for key in (1, 2, 1, 2)] == ["a", "b", "a", "b"]


async def test_what_is_kept_is_ended_with_its_session_though_that_is_cancelled() -> None:
    kept, ended = Kept(), list[str]()
    kept.of("box", lambda: Thing(ended, "box"))
    kept.of("pages", lambda: ["a page"])  # memory only
    with anyio.CancelScope() as scope:
        scope.cancel()
        await kept.aclose()

    assert ended == ["box, seen gone"]
    assert kept.of("box", lambda: "another") == "another"
    assert kept.of("pages", list) == []


def test_what_is_kept_is_ended_where_no_loop_runs() -> None:
    kept, ended = Kept(), list[str]()
    kept.of("box", lambda: Thing(ended, "box"))
    kept.of("pages", list)
    kept.close()
    kept.close()

    assert ended == ["box"]


async def test_those_used_longest_ago_end_beyond_what_may_stay() -> None:
    living, ended = Living(2), list[str]()
    a, b, c, d = (Thing(ended, name) for name in "abcd")
    for each in (a, b, c, d, a):
        living.use(each)
    await living.trim()
    await living.trim()

    assert ended == ["b, seen gone", "c, seen gone"]


async def test_what_is_in_use_or_has_ended_by_itself_is_let_be() -> None:
    living, ended = Living(1), list[str]()
    busy, gone, idle, last = (
        Thing(ended, name, is_busy=name == "busy") for name in ("busy", "gone", "idle", "last")
    )
    for each in (busy, gone, idle, last):
        living.use(each)
    living.forget(gone)
    living.forget(gone)
    await living.trim()

    assert ended == ["idle, seen gone", "last, seen gone"]


async def test_what_another_ended_meanwhile_is_not_ended_twice() -> None:
    living, ended = Living(0), list[str]()

    class Takes(Thing):
        async def aclose(self) -> None:
            await super().aclose()
            living.forget(other)

    other = Thing(ended, "other")
    living.use(Takes(ended, "first"))
    living.use(other)
    await living.trim()

    assert ended == ["first, seen gone"]


@pytest.mark.parametrize("waits", [True, False])
async def test_all_end_with_their_runtime(*, waits: bool) -> None:
    living, ended = Living(9), list[str]()
    for name in "ab":
        living.use(Thing(ended, name, is_busy=True))
    with anyio.CancelScope() as scope:
        scope.cancel()
        await living.aclose() if waits else living.close()

    assert ended == (["a, seen gone", "b, seen gone"] if waits else ["a", "b"])
