"""Attacks on the pipe that the result comes through."""

from __future__ import annotations

import contextlib
import os
import time


def descriptors() -> dict[str, str]:
    seen = {}
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            seen[number] = os.readlink(f"/proc/self/fd/{number}")
    return seen


def result_pipe() -> int:
    """The pipe of the result: the one that is none of the first three descriptors."""
    pipes = [int(number) for number, target in descriptors().items() if target.startswith("pipe:")]
    return max(pipes)


def write(hexadecimal: str, then_sleep: float = 0, then_exit: int | None = None) -> None:
    os.write(result_pipe(), bytes.fromhex(hexadecimal))
    time.sleep(then_sleep)
    if then_exit is not None:
        os._exit(then_exit)


def write_and_return(hexadecimal: str) -> str:
    """The shim's own frames follow what is forged."""
    os.write(result_pipe(), bytes.fromhex(hexadecimal))
    return "what the function returned"


def write_from_child(hexadecimal: str) -> str:
    """A child goes on after the result is there."""
    pipe = result_pipe()
    if os.fork() == 0:
        while True:
            os.write(pipe, bytes.fromhex(hexadecimal))
    return "what the function returned"


def write_noise(seed: int, size: int) -> None:
    import random

    noise = random.Random(seed).randbytes(size)
    pipe = result_pipe()
    while noise:
        noise = noise[os.write(pipe, noise) :]
    os._exit(0)


def write_slowly(hexadecimal: str) -> None:
    """A byte at a time."""
    pipe = result_pipe()
    for byte in bytes.fromhex(hexadecimal):
        os.write(pipe, bytes([byte]))
        time.sleep(0.01)
    time.sleep(30)


def read_from_it() -> str:
    """What the parent has not read yet, or what it would say."""
    path = f"/proc/self/fd/{result_pipe()}"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return "refused"
    with contextlib.suppress(BlockingIOError):
        return os.read(descriptor, 100).decode()
    return "nothing"


def shrink_and_block() -> str:
    """Make its buffer small, and leave a child that writes into it: the parent must not wait."""
    import fcntl

    pipe = result_pipe()
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(pipe, False)
    return "x" * 100_000


def close_everything() -> None:
    os.closerange(0, 256)


def close_result() -> str:
    os.close(result_pipe())
    return "nobody hears this"


def replace_result() -> str:
    """Something else in the result's place."""
    null = os.open("/dev/null", os.O_WRONLY)
    os.dup2(null, result_pipe())
    return "nobody hears this"


def exit_well() -> None:
    os._exit(0)


def exit_as_signal() -> None:
    """With a status that a shell would take for a signal's."""
    os._exit(128 + 24)


def patch_the_shim() -> str:
    """Change the code that sends the result: it is in the same process."""
    import sys

    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
    names = next(each for each in (frame.f_globals, *_globals_above()) if "_send" in each)
    names["_encode"] = lambda value, job: (b"T", b"patched")
    return "what the function returned"


def _globals_above() -> list[dict[str, object]]:
    import sys

    found = []
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        found.append(frame.f_globals)
    return found


class Hostile:
    """An object whose every method misbehaves."""

    def __getattr__(self, name: str) -> object:
        raise SystemExit(name)

    def __str__(self) -> str:
        raise KeyboardInterrupt


def hostile_value() -> object:
    return Hostile()


class HostileError(Exception):
    """An exception that cannot be shown."""

    def __str__(self) -> str:
        raise MemoryError

    def __repr__(self) -> str:
        raise RecursionError


def hostile_error() -> None:
    raise HostileError


def leave_by_exit() -> None:
    raise SystemExit(0)
