"""Clocks, limits and the terminal: what the machine lends to a process."""

from __future__ import annotations

from typing import Final

from tests.security.attack import Attack, Attacked, ended, of, refused, sees

_NO: Final = refused("EPERM", "EACCES", "ENOSYS")
_ROOT: Final = "outside, as root"
_clock = of("clocks and limits", "clocks", _NO)


def _all_set(attacked: Attacked) -> bool:
    return attacked.status == "ok" and all(0 <= limit < 1 << 40 for limit in attacked.saw.values())


CLOCKS: Final = (
    _clock(
        "find a limit that is not set",
        "limits",
        _all_set,
        without="rlimits",
        works=lambda each: not _all_set(each),
    ),
    *(
        _clock(f"raise {name}", "raise_limit", arguments={"name": name})
        for name in (
            "RLIMIT_CPU",
            "RLIMIT_AS",
            "RLIMIT_NPROC",
            "RLIMIT_NOFILE",
            "RLIMIT_FSIZE",
            "RLIMIT_CORE",
        )
    ),
    _clock(
        "change a limit of a process of the host",
        "limit_of_another",
        refused("ESRCH", "EPERM", "ENOSYS"),
        arguments={"pid": "{victim}"},
        control="outside",
    ),
    _clock("set the machine's clock", "set_clock"),
    _clock("adjust the machine's clock", "adjust_clock"),
    _clock("a time namespace of its own", "time_namespace", control=_ROOT),
    _clock(
        "the offsets of a time namespace",
        "offsets_of_time_namespace",
        refused("EACCES", "EROFS", "ENOENT"),
        control="outside",
    ),
    _clock("a better priority", "go_first", control=_ROOT),
    _clock("real-time priority", "real_time", control=_ROOT),
    _clock("real-time priority of the disk", "real_time_disk", control=_ROOT),
    _clock(
        "a timer that wakes the machine",
        "wake_the_machine",
        refused("EPERM", "ENOSYS", "EOPNOTSUPP"),
    ),
    _clock("leave an image of its memory", "core_dump", sees(["nothing"])),
    _clock(
        "use more CPU time than it has",
        "ignore_alarm_and_rewind",
        ended("timeout", "CPU time", 10),
        alone=True,
        change={"cpu_seconds": 1},
    ),
    Attack(
        name="use more CPU time, deaf to the warning",
        family="clocks and limits",
        payload="signals.deaf_to_cpu_limit",
        held=ended("crash", "SIGKILL", 15),
        alone=True,
        change={"cpu_seconds": 1},
        load=True,
    ),
    Attack(
        name="outlast the profile's wall time",
        family="clocks and limits",
        payload="survivors.slow_output",
        held=ended("timeout", within=25),
        alone=True,
        sleeps=True,
        timeout=60,
        change={"wall_seconds": 0.6},
    ),
)


_terminal = of("terminal injection", "terminal", control="in a terminal")


_NO_TERMINAL: Final = refused("ENXIO", "ENOTTY", "EIO", "ENOENT", "EPERM")
TERMINAL: Final = (
    _terminal("open the terminal", "open_terminal", _NO_TERMINAL),
    _terminal("resize the terminal", "resize", _NO_TERMINAL, arguments={"descriptor": 0}),
    _terminal("take the foreground from the shell", "foreground", _NO_TERMINAL),
    _terminal("type into the terminal", "type_into_terminal", _NO_TERMINAL),
    _terminal(
        "type into its standard input", "type_into", _NO_TERMINAL, arguments={"descriptor": 0}
    ),
    _terminal(
        "type into its standard output", "type_into", _NO_TERMINAL, arguments={"descriptor": 1}
    ),
    _terminal(
        "type past a filter of requests",
        "type_past_a_filter",
        _NO_TERMINAL,
        arguments={"descriptor": 0},
    ),
    _terminal("see the host's terminals", "terminals", sees([]), works=lambda each: bool(each.saw)),
)
