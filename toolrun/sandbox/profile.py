"""What may a sandboxed tool touch, and how much?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from toolrun.values import Json

Guarantee = Literal[
    "files",
    "network",
    "environment",
    "processes",
    "privileges",
    "proc",
    "terminal",
    "limits",
    "resident-memory",
    "disk",
    "tree-kill",
    "syscalls",
]
Workspace = Literal["none", "read-only", "writable", "scratch"]
Network = Literal["none", "allow-list"]
Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]

Chosen: TypeAlias = str | Mapping[str, Json]
"""How a profile is chosen: by a name that ships, by the path of a file, or as a table."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a sandboxed tool may touch, and how much; every field is described in the schema."""

    name: str
    description: str
    workspace: Workspace
    network: Network
    wall_seconds: float
    cpu_seconds: int
    memory_bytes: int
    address_space_bytes: int
    processes: int
    open_files: int
    disk_bytes: int
    inodes: int
    output_bytes: int
    guarantees: tuple[Guarantee, ...]
    hosts: tuple[str, ...] = ()
    private_hosts: tuple[str, ...] = ()
    methods: tuple[Method, ...] = ("GET", "HEAD")
    env: dict[str, str] = {}

    def __hash__(self) -> int:
        """One profile, one pool of boxes: by every field, the environment's dict included."""
        fields = msgspec.structs.astuple(self)
        return hash((*fields[:-1], frozenset(self.env.items())))
