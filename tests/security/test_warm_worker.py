"""Can a job poison the worker that forks it, or leave anything for the next job of its tenant?

Each is followed by one that says what it finds: the same as in a box that nobody had before. It may
be another box; it must not be another answer.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

import anyio
import pytest

from tests.security import arena
from toolrun.sandbox import Sandbox, load_profile

if TYPE_CHECKING:
    from toolrun.sandbox import Outcome

pytestmark = pytest.mark.security

REFUSED: Final = ("write_memory", "write_memory_by_call", "trace", "take_control_socket")
LEFT: Final = (
    *("change_process", "change_modules", "leave_files", "leave_deep_folders"),
    *("fill_temporary_folder", "close_temporary_folder", "leave_daemons"),
    *("leave_shared_memory", "leave_locked_pages"),
)
ENDS: Final = (
    *("kill_worker", "stop_worker", "kill_everything", "interrupt_worker"),
    *(
        "lower_limits_of_worker",
        "starve_worker",
        "bind_worker",
        "slow_worker",
        "fork_until_the_end",
    ),
)
STATUSES: Final = {"ok", "crash", "timeout", "exception", "disk_limit"}


async def job(
    sandbox: Sandbox, payload: str, tenant: str = "one", **arguments: str
) -> tuple[Outcome, Any]:
    """A call of a tenant's, with its marker; what it saw."""
    marker = secrets.token_hex(8)
    given = {"name": f"worker.{payload}", "marker": marker, "arguments": arguments}
    outcome = await sandbox.call(arena.job("alone", **given), timeout=10, tenant=tenant)
    attacked = arena.judged(outcome, marker)
    return outcome, attacked.saw


def after(payload: str) -> tuple[Outcome, Any, dict[str, Any], dict[str, Any]]:
    """What came of an attack, and what a job finds in a new box, and after the attack."""

    async def run() -> tuple[Outcome, Any, dict[str, Any], dict[str, Any]]:
        async with Sandbox(load_profile("pure"), backend="bubblewrap") as sandbox:
            _, before = await job(sandbox, "state")
            _, again = await job(sandbox, "state")
            assert before == again
            outcome, saw = await job(sandbox, payload)
            found, then = await job(sandbox, "state")
            assert found.status == "ok", found
            return outcome, saw, before, then

    return anyio.run(run)


@pytest.mark.parametrize("payload", REFUSED)
def test_the_worker_cannot_be_reached(payload: str) -> None:
    outcome, saw, before, then = after(payload)

    assert outcome.status == "ok"
    assert saw in {"EPERM", "EACCES", "ENOSYS", "EROFS", "ESRCH"}
    assert then == before


def test_a_worker_that_has_prepared_shows_nothing_of_itself() -> None:
    # It prepares while nobody waits: a job that comes at once may be there before.
    async def run() -> str:
        async with Sandbox(load_profile("pure"), backend="bubblewrap") as sandbox:
            for _ in range(20):
                _, saw = await job(sandbox, "open_descriptors_of_worker")
                if saw != "done":
                    break
                await anyio.sleep(0.2)
            return str(saw)

    assert anyio.run(run) == "EACCES"


def test_the_socket_of_the_worker_is_not_the_job_s() -> None:
    outcome, saw, before, then = after("find_control_socket")

    assert (outcome.status, saw) == ("ok", [])
    assert then == before


@pytest.mark.parametrize("payload", LEFT)
def test_nothing_is_left_for_the_next_job(payload: str) -> None:
    outcome, saw, before, then = after(payload)

    assert (outcome.status, saw) == ("ok", "done")
    assert then == before


@pytest.mark.parametrize("payload", ENDS)
def test_who_ends_the_worker_ends_only_its_own_box(payload: str) -> None:
    outcome, _, before, then = after(payload)

    assert outcome.status in STATUSES
    assert then == before


def test_what_the_attacks_leave_is_there_while_they_run() -> None:
    # The control: the same job finds what it left, so `state` looks where it must.
    async def run() -> None:
        async with Sandbox(load_profile("pure"), backend="bubblewrap") as sandbox:
            for name in LEFT:
                _, (before, then) = await job(sandbox, "before_and_after", name=name)
                assert before != then, name

    anyio.run(run)


def test_tenants_share_no_worker() -> None:
    async def run() -> None:
        async with Sandbox(load_profile("pure"), backend="bubblewrap") as sandbox:
            _, before = await job(sandbox, "state", "one")
            await job(sandbox, "leave_files", "one")
            await job(sandbox, "leave_daemons", "two")
            for tenant in ("one", "two", "three"):
                assert (await job(sandbox, "state", tenant))[1] == before

    anyio.run(run)
