"""What of a store happens seldom: a fork, an end, a lease that is gone, a database that refuses?

With stand-ins for databases and threads; `test_contract.py` has the real ones.
"""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from toolrun.errors import ConfigError, LeaseLost, SessionBusy, StoreError
from toolrun.store import forks, leases, reading
from toolrun.store.postgres import Postgres
from toolrun.store.reading import Reader
from toolrun.store.sink import StoreSink
from toolrun.store.store import SqlStore

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_child_keeps_what_its_parent_had_and_looks_after_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parents: list[Any] = []
    writers = {"the writer"}
    monkeypatch.setattr(forks, "_stores", [SimpleNamespace(leave=lambda: "the connections")])
    monkeypatch.setattr(forks, "_writers", writers)
    monkeypatch.setattr(forks, "_parents", parents)

    forks._in_child()

    assert parents == ["the connections", "the writer"]
    assert writers == set()


def test_the_end_of_a_process_tells_all_writers_before_it_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[Any] = []
    made = [SimpleNamespace(stop=lambda: done.append("stop"), join=done.append) for _ in range(2)]
    monkeypatch.setattr(forks, "_writers", made)

    forks._at_exit()

    assert done == ["stop", "stop", forks.EXIT_SECONDS, forks.EXIT_SECONDS]


class Watched:
    """A store that notes whom it shall tell, and what it shall forget."""

    url = "a store"

    def __init__(self) -> None:
        self.told: list[Callable[[], None]] = []
        self.forgotten: list[Any] = []

    def on_cancel(self, _: object, told: Callable[[], None]) -> None:
        self.told.append(told)

    def forget(self, lease: object) -> None:
        self.forgotten.append(lease)


def sink_of(store: Watched, lease: Any) -> StoreSink:
    made: Any = store
    sink = StoreSink(made, "s")
    sink.lease = lease
    return sink


def test_who_is_asked_to_stop_is_asked_again_until_the_session_is_lost() -> None:
    store, lease = Watched(), SimpleNamespace(lost=False, cancelled=True)
    heard: list[LeaseLost | None] = []
    sink = sink_of(store, lease)
    sink.watch(heard.append)

    store.told[0]()
    assert heard == [None]
    assert not lease.cancelled
    assert len(store.told) == 2

    lease.lost = True
    store.told[1]()
    assert isinstance(heard[1], LeaseLost)
    assert len(store.told) == 2


def test_who_has_closed_a_session_hears_of_it_no_more() -> None:
    store, lease = Watched(), SimpleNamespace(lost=False, cancelled=True)
    heard: list[LeaseLost | None] = []
    sink = sink_of(store, lease)
    sink.watch(heard.append)

    sink.forget()
    sink.forget()
    store.told[0]()

    assert store.forgotten == [lease]
    assert heard == []
    sink.watch(heard.append)
    assert len(store.told) == 1


async def test_nothing_is_stored_of_a_session_that_is_not_held() -> None:
    with pytest.raises(StoreError, match="session s is not held by this process"):
        await sink_of(Watched(), None).record_all()


def transaction(lease: tuple[int, str | None] | None, *, added: bool) -> Any:
    return SimpleNamespace(
        sql=SimpleNamespace(add_session="session", lease="lease", add_lease="new", take="take"),
        run=lambda statement, **_: statement not in ("session", "new") or added,
        one=lambda *_, **__: lease,
        now=lambda: 0.0,
    )


def test_a_session_made_by_a_transaction_of_unknown_end_is_taken() -> None:
    tx = transaction((4, "me"), added=False)

    assert leases.create(tx, "s", None, "me", ()).token == 5
    for lease, mine in (((4, "me"), ("s",)), ((4, "other"), ()), (None, ())):
        with pytest.raises(ConfigError, match="there is a session 's' already"):
            leases.create(transaction(lease, added=False), "s", None, "me", mine)


def test_of_two_that_take_a_session_at_once_one_is_told() -> None:
    assert leases._take(transaction(None, added=True), "s", "me") == 1
    with pytest.raises(SessionBusy, match="taken by another process"):
        leases._take(transaction(None, added=False), "s", "me")


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Reader, list[int]]]:
    """A reader of a database whose faults pass, or do not; and how often it waited."""

    def made(*, transient: bool) -> tuple[Reader, list[int]]:
        waited: list[int] = []
        database: Any = SimpleNamespace(
            url="a store",
            is_transient=lambda _: transient,
            advice=lambda error: f"{error}, says it",
            engine=lambda **_: SimpleNamespace(connect=lambda: nullcontext("a connection")),
        )
        monkeypatch.setattr(reading, "pause", waited.append)
        return Reader(database), waited

    return made


def test_reading_is_tried_again_where_a_fault_passes(
    reader: Callable[..., tuple[Reader, list[int]]],
) -> None:
    passing, waited = reader(transient=True)
    faults = [OSError("busy"), OSError("busy")]

    def read(connection: object) -> object:
        if faults:
            raise faults.pop()
        return connection

    assert passing.run("look", read) == "a connection"
    assert waited == [0, 1]


def test_what_stays_is_said_with_what_to_do(
    reader: Callable[..., tuple[Reader, list[int]]],
) -> None:
    lasting, waited = reader(transient=False)

    def broken(_: object) -> None:
        raise OSError("damaged")

    with pytest.raises(StoreError, match="store a store: could not look: damaged, says it"):
        lasting.run("look", broken)
    assert waited == []


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        ("53100", "make room on the server's disk"),
        ("42501", "give the user the rights"),
        ("08006", "see that the server runs"),
        (None, "see that the server runs"),
    ],
)
def test_what_a_server_says_comes_with_what_to_do(state: str | None, advice: str) -> None:
    error: Any = OSError("it said so")
    error.sqlstate = state

    said = object.__new__(Postgres).advice(error)  # needs no driver

    assert said.startswith(f"it said so; {advice}")


def test_a_store_from_before_a_fork_is_refused() -> None:
    database: Any = SimpleNamespace(url="a store")
    store = SqlStore(database)
    store._forked = True

    with pytest.raises(StoreError, match="forked from"):
        store._running()
    lease: Any = SimpleNamespace(session="s")
    store.forget(lease)  # nothing is held, and nobody told
