"""How do several attacks share a box? Each in a process of its own, with its own marker.

`python -m payloads.battery` runs the same outside: attacks from stdin, what they saw to stdout.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import sys
import time
from typing import Any

_SECONDS = 8.0


def alone(name: str, marker: str, arguments: dict[str, Any]) -> Any:
    """Run an attack that may end the box; its marker is printed before it begins."""
    payload = _payload(name)
    print(marker, flush=True)
    saw = payload(**arguments)
    # A generator is run by the box's own code.
    return saw if hasattr(saw, "gi_frame") else {"marker": marker, "saw": saw}


def together(attacks: list[list[Any]]) -> list[dict[str, Any]]:
    """Run attacks, one after another: name, marker and arguments of each."""
    for name, *_ in attacks:
        # Once for all: each process would compile it again.
        importlib.import_module(f".{name.partition('.')[0]}", __package__)
    return [_apart(*each) for each in attacks]


def _payload(name: str) -> Any:
    module, _, function = name.partition(".")
    return getattr(importlib.import_module(f".{module}", __package__), function)


def _apart(name: str, marker: str, arguments: dict[str, Any]) -> dict[str, Any]:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        # No session of its own: that would lose a terminal that an attack is after.
        os.setpgid(0, 0)
        os.close(read)
        payload = _payload(name)
        _tell(write, marker)
        try:
            saw = payload(**arguments)
        except BaseException as error:  # noqa: BLE001 - a mistake of the attack's: told as such
            saw = f"!{type(error).__name__}: {error}"
        _tell(write, saw)
        os._exit(0)
    os.close(write)
    began = time.monotonic()
    told = _listen(read)
    seconds = time.monotonic() - began
    os.close(read)
    try:
        os.killpg(child, signal.SIGKILL)
    except OSError:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return {
        "marker": told[0] if told else None,
        "saw": told[1] if len(told) > 1 else None,
        "status": status,
        "seconds": seconds,
    }


def _tell(descriptor: int, value: Any) -> None:
    os.write(descriptor, json.dumps(value).encode() + b"\n")


def _listen(descriptor: int) -> list[Any]:
    """The two lines of an attack, as far as it gets; what it leaves behind may hold the pipe."""
    text = b""
    until = time.monotonic() + _SECONDS
    while text.count(b"\n") < 2 and (left := until - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            break
        chunk = os.read(descriptor, 65536)
        if not chunk:
            break
        text += chunk
    return [json.loads(line) for line in text.splitlines()]


if __name__ == "__main__":
    print(json.dumps(together(json.load(sys.stdin))))
