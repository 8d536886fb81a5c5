"""The result's pipe, what stays behind, and the deadline: what a caller relies on."""

from __future__ import annotations

from typing import Final

from tests.security.attack import Attacked, Held, either, ended, of, sees


def frame(kind: bytes, payload: bytes) -> bytes:
    """A frame as the shim sends it."""
    return kind + len(payload).to_bytes(4, "big") + payload


_END: Final = frame(b".", b"")
_NOISE: Final = {
    "noise": b"garbage that is no frame at all",
    "a start that came already": frame(b"S", b""),
    "what is no JSON": frame(b"J", b"{not json") + _END,
    "JSON without a bottom": (frame(b"J", b"[" * 50_000) + _END),
    "two values in a frame": frame(b"J", b"1 2") + _END,
    "JSON that is no UTF-8": frame(b"J", b'"\xff"') + _END,
    "text that is no UTF-8": frame(b"T", b"\xff\xfe") + _END,
    "a text and a value": frame(b"J", b"1") + frame(b"T", b"1") + _END,
    "two values": frame(b"J", b"1") + frame(b"J", b"2") + _END,
    "an end without a value": _END,
    "progress that is no UTF-8, and no value": frame(b"P", b"\xff") * 100 + _END,
    "half a header": b"J\0",
}


_forged = of("result forgery", "forgery", alone=True)


def _nothing(attacked: Attacked) -> bool:
    return attacked.status == "crash" and attacked.saw is None


_TRUE: Final = "what the function returned"
_HEX: Final = (frame(b"T", b"forged") + _END).hex()
FORGERY: Final = (
    _forged(
        "a result before the function's",
        "write",
        sees("forged"),
        arguments={"hexadecimal": _HEX, "then_sleep": 30},
    ),
    _forged(
        "a result, then another",
        "write_and_return",
        sees("forged"),
        arguments={"hexadecimal": _HEX},
    ),
    _forged(
        "an error beside the function's result",
        "write_and_return",
        ended("exception", "forged"),
        arguments={"hexadecimal": frame(b"E", b"forged").hex()},
    ),
    _forged(
        "a child that goes on writing",
        "write_from_child",
        either(sees(_TRUE), sees("forged"), _nothing, ended("output_limit")),
        arguments={"hexadecimal": frame(b"P", b"x").hex()},
    ),
    *(
        _forged(
            name,
            "write",
            _nothing,
            arguments={"hexadecimal": noise.hex(), "then_exit": 0},
            without="check of the result" if "is no JSON" in name else "",
            works=lambda each: each.status == "ok",
        )
        for name, noise in _NOISE.items()
    ),
    _forged(
        "a frame that never ends",
        "write",
        ended("timeout", within=25),
        arguments={
            "hexadecimal": (b"J" + (1000).to_bytes(4, "big") + b"[1,").hex(),
            "then_sleep": 30,
        },
        sleeps=True,
        timeout=0.6,
    ),
    _forged("a byte at a time", "write_slowly", sees("forged"), arguments={"hexadecimal": _HEX}),
    _forged("read what it wrote", "read_from_it", either(sees("refused"), sees("nothing"))),
    _forged(
        "a pipe that does not wait",
        "shrink_and_block",
        either(_nothing, lambda each: each.saw == "x" * 100_000),
    ),
    _forged("close every descriptor", "close_everything", _nothing),
    _forged("close the result's pipe", "close_result", _nothing),
    _forged("put another file in its place", "replace_result", _nothing),
    _forged("end well, without a result", "exit_well", _nothing),
    _forged(
        "end with a status like a signal's", "exit_as_signal", either(_nothing, ended("timeout"))
    ),
    _forged(
        "change the code that sends it", "patch_the_shim", either(sees("patched"), sees(_TRUE))
    ),
    _forged("a value whose methods raise", "hostile_value", ended("exception")),
    _forged(
        "an exception that cannot be shown", "hostile_error", ended("exception", "HostileError")
    ),
    _forged("leave by SystemExit", "leave_by_exit", ended("exception", "SystemExit")),
)


_survivor = of("zombies and daemons", "survivors", alone=True)


def _soon(value: object) -> Held:
    return lambda attacked: (
        attacked.status == "ok" and attacked.saw == value and attacked.seconds < 25
    )


_TOKEN: Final = {"token": "{token}"}
SURVIVORS: Final = (
    _survivor(
        "a daemon, after the result", "daemon", sees("alive"), arguments={**_TOKEN, "then_sleep": 0}
    ),
    _survivor(
        "a daemon, after the time-out",
        "daemon",
        ended("timeout", within=25),
        arguments={**_TOKEN, "then_sleep": 60},
        sleeps=True,
        timeout=1.5,
    ),
    _survivor("a daemon that is stopped", "stopped_daemon", sees("alive"), arguments=_TOKEN),
    _survivor(
        "one that forgets its parent",
        "daemon_without_death_signal",
        sees("alive"),
        arguments=_TOKEN,
    ),
    _survivor(
        "end in the middle, a child goes on",
        "leave_in_the_middle",
        ended("crash", within=25),
        arguments=_TOKEN,
    ),
    _survivor(
        "children that hold the pipes open", "hold_the_pipes", _soon("done"), arguments=_TOKEN
    ),
    _survivor("children that ended", "zombies", sees(40), arguments={"count": 40}),
    _survivor("a thread that goes on", "lasting_thread", _soon("done")),
    _survivor("something to do at the end", "at_exit", _soon("done")),
    _survivor("a slow finalizer", "destructor", _soon("done")),
)


_evasion = of("time-out evasion", "survivors", ended("timeout", within=25), alone=True, timeout=2)
"""Long enough for the attack to have begun before its time is up, on a busy machine too."""


EVASION: Final = (
    _evasion("fork twice, and wait", "double_fork", arguments=_TOKEN, sleeps=True),
    _evasion("a parent that cannot be interrupted", "vfork", sleeps=True),
    _evasion("close everything, and stay", "close_all_and_stay", sleeps=True),
    _evasion("compute in C", "burn_in_c"),
    _evasion(
        "hand on before the CPU time is used up",
        "relay",
        change={"cpu_seconds": 1},
        timeout=1.3,
        load=True,
    ),
    _evasion("always about to say something", "slow_output", sleeps=True),
)
