"""Can a tool's module reach this process? The worker imports it, so all that the worker has is its.

It may spoil its own calls. It must not say anything that stops this process, or that this process
believes of another call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio
import pytest

from toolrun.sandbox import Job, Sandbox

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.security

SENDS: Final = '''
import os, socket, struct

def attack():
    """Send a socket that blocks for a minute whoever closes it last."""
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    kept.extend((server, server.accept()[0]))
    client.setblocking(False)
    try:
        while True:
            client.send(bytes(65_536))
    except BlockingIOError:
        pass
    for number in range(3, 64):
        try:
            control = socket.socket(fileno=os.dup(number))
        except OSError:
            continue
        if control.family == socket.AF_UNIX and control.type == socket.SOCK_SEQPACKET:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
            try:
                socket.send_fds(control, [b"S0000"], [client.fileno()])
            except OSError as error:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
                return type(error).__name__
            client.close()
            return "sent"
    return "no socket"

kept = []
came_of_it = attack()

def tell() -> str:
    return came_of_it
'''
FORGES: Final = """
import os

worker, write = os.getpid(), os.write

def forged(descriptor, data):
    if os.getpid() == worker and data[:1] == b"S":
        write(descriptor, {said})
        return len(data)
    return write(descriptor, data)

os.write = forged

def tell() -> bool:
    return os.write is forged and os.getppid() == worker
"""
SAID: Final = {
    "no status": b"S\0\0\0\x7f",
    "a long one": b"S" + bytes(60_000),
    "something else": b"X",
    "that it is alone": b"A",
    "nothing": b"",
}


def job(folder: Path, source: str) -> Job:
    file = folder / "hostile.py"
    file.write_text(source)
    return Job(file=str(file), module="hostile", qualname="tell")


def told_by_the_worker_s(job: Job, unless: object) -> object:
    """What the job says whose module the worker has imported, which it does while nobody waits."""

    async def run() -> object:
        async with Sandbox("pure", backend="bubblewrap") as sandbox:
            told: object = unless
            for _ in range(20):
                told = (await sandbox.call(job, tenant="one", timeout=20)).returned
                if told != unless:
                    break
                await anyio.sleep(0.2)
            return told

    return anyio.run(run)


def test_a_module_can_send_no_descriptor_out_of_the_box(tmp_path: Path) -> None:
    assert told_by_the_worker_s(job(tmp_path, SENDS), unless="no socket") == "BrokenPipeError"


@pytest.mark.parametrize("said", SAID.values(), ids=list(SAID))
def test_what_a_module_says_in_the_worker_s_place_raises_nothing_here(
    said: bytes, tmp_path: Path
) -> None:
    assert told_by_the_worker_s(job(tmp_path, FORGES.format(said=repr(said))), unless=False) is True
