"""Processes, threads, memory, disks, inodes, floods: what a process can use up."""

from __future__ import annotations

from typing import Final

from tests.security.attack import Attack, Attacked, bounded, either, ended, of, refused

_MIB: Final = 1 << 20
_SMALL: Final = {"memory_bytes": 64 * _MIB}
_KILLED: Final = either(ended("memory_limit"), ended("crash", "SIGKILL"))


_bomb = of("fork and thread bombs", "bombs", alone=True)


_LIMIT: Final = {"arguments": {"limit": 90}}
BOMBS: Final = (
    _bomb(
        "fork without end",
        "fork_bomb",
        bounded("started", 63),
        control="outside",
        without="rlimits",
        **_LIMIT,
    ),
    _bomb("fork out of every group and session", "sessions_bomb", bounded("started", 63), **_LIMIT),
    _bomb(
        "start threads without end",
        "thread_bomb",
        bounded("started", 63),
        control="outside",
        without="rlimits",
        **_LIMIT,
    ),
    _bomb(
        "threads in many processes",
        "threads_of_processes",
        bounded("started", 63),
        arguments={"processes": 8, "threads": 30},
        without="rlimits",
    ),
    _bomb("children that nobody waits for", "zombies", bounded("started", 63), **_LIMIT),
    _bomb(
        "every process forks for ever",
        "fork_everywhere",
        ended("timeout", within=25),
        arguments={"token": "{token}"},
        timeout=0.5,
    ),
    _bomb(
        "be another process all the time",
        "run_on",
        either(ended("crash", within=25), ended("timeout", within=25)),
        arguments={"token": "{token}"},
        timeout=1,
    ),
)


_memory = of("memory of a tree", "bombs", _KILLED, alone=True, change=_SMALL)


def _lived(attacked: Attacked) -> bool:
    return attacked.status == "ok"


MEMORY: Final = (
    _memory("one process takes all", "take_memory", arguments={"mebibytes": 500}),
    _memory(
        "many processes take a little",
        "take_memory_together",
        arguments={"children": 8, "mebibytes": 20},
        timeout=3,
        without="watch",
        works=_lived,
    ),
    _memory(
        "the same in processes without parents",
        "take_memory_in_orphans",
        arguments={"children": 8, "mebibytes": 20},
    ),
    _memory("memory that is shared", "take_shared_memory", arguments={"mebibytes": 150}),
    _memory(
        "copies of the same memory",
        "take_private_copies",
        arguments={"children": 8, "mebibytes": 20},
    ),
    _memory("by threads", "take_by_threads", arguments={"threads": 8, "mebibytes": 20}),
    _memory(
        "more addresses than there are", "take_address_space", ended("exception", "MemoryError")
    ),
    _memory(
        "a number that has no room",
        "big_number",
        either(ended("exception", "MemoryError"), _KILLED),
    ),
    _memory(
        "recursion without end", "recurse", either(ended("crash"), ended("exception"), _KILLED)
    ),
    _memory(
        "keep pages that the kernel may not take",
        "lock_memory",
        refused("ENOMEM", "EPERM", "EAGAIN"),
    ),
)


_fill = of("disk", "floods", alone=True, change={"disk_bytes": 8 * _MIB})


_ENOSPC: Final = bounded("written", 8 * _MIB, "ENOSPC")
_FULL: Final = either(_ENOSPC, ended("disk_limit"))
DISK: Final = (
    *(
        _fill(
            f"fill {folder}",
            "fill",
            _FULL,
            arguments={"folder": folder, "mebibytes": 24},
            without="size of /tmp",
        )
        for folder in ("/tmp", "/dev/shm")
    ),
    _fill(
        "fill it with files without names",
        "fill_unlinked",
        _FULL,
        arguments={"folder": "/tmp", "mebibytes": 24},
    ),
    _fill(
        "take its room without writing",
        "reserve",
        _FULL,
        arguments={"folder": "/tmp", "mebibytes": 24},
    ),
    _fill(
        "fill it through a mapping",
        "fill_through_map",
        either(ended("crash", "SIGBUS"), ended("disk_limit"), _KILLED),
        arguments={"folder": "/dev/shm", "mebibytes": 8},
        change={"disk_bytes": 8 * _MIB},
    ),
    _fill(
        "a file of a terabyte",
        "large_file",
        refused("EFBIG", "ENOSPC"),
        arguments={"size": 1 << 40},
        without="rlimits",
    ),
)


def _inodes(name: str, payload: str) -> Attack:
    return Attack(
        name=name,
        family="inodes",
        payload=f"floods.{payload}",
        held=either(ended("disk_limit"), ended("exception", "No space left")),
        arguments={"count": 900},
        change={"inodes": 500},
        alone=True,
        timeout=6,
        load=payload not in {"many_files", "many_in_shared_memory"},
        without="watch" if payload == "many_files" else "",
        works=_lived,
    )


INODES: Final = (
    _inodes("files without end", "many_files"),
    _inodes("folders without end", "many_folders"),
    _inodes("links without end", "many_links"),
    _inodes("fifos without end", "many_fifos"),
    _inodes("files in shared memory without end", "many_in_shared_memory"),
    Attack(
        name="folders that nobody can clear away",
        family="inodes",
        payload="floods.nest",
        held=lambda attacked: attacked.status == "ok" and attacked.saw == 2_000,
        arguments={"depth": 2_000},
        alone=True,
    ),
)


_flood = of("output floods", "floods", ended("output_limit", within=25), alone=True)


def _cut(attacked: Attacked) -> bool:
    return attacked.status == "exception" and len(attacked.error or "") < 8_192


FLOODS: Final = (
    _flood("to standard output", "flood", arguments={"descriptor": 1}),
    _flood("to standard error", "flood", arguments={"descriptor": 2}),
    _flood("to both in turns", "flood_both"),
    _flood("from many processes", "flood_from_many", arguments={"processes": 16}, load=True),
    _flood("a byte at a time", "trickle", load=True),
    _flood("what is no UTF-8", "flood_without_utf8", load=True),
    _flood("a terminal's escape sequences", "flood_with_escapes", load=True),
    _flood(
        "a result that is too long",
        "large_result",
        arguments={"size": 2 * _MIB},
        without="limit of output",
        works=_lived,
    ),
    _flood("a result of a million items", "wide_result"),
    _flood("a result without a bottom", "deep_result", ended("exception", "nested deeper")),
    _flood("a generator without end", "endless_result"),
    _flood("a value on the way that is too long", "large_progress", arguments={"size": 2 * _MIB}),
    _flood("progress without content", "flood_progress"),
    _flood("a frame of two gigabytes", "flood_result"),
    _flood("an error that is too long", "large_error", _cut, arguments={"size": 8 * _MIB}),
)
