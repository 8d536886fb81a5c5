"""Which backend makes the boxes? The one that is named, else the first that holds here.

Falling back weakens nothing: a backend that lacks a guarantee of the profile refuses, and each is
attacked before anything runs in it. Where none holds, the reasons of all are said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

import structlog

from toolrun.errors import ConfigError, SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolrun.sandbox.backend import Backend
    from toolrun.sandbox.profile import Profile

ORDER: Final = ("bubblewrap", "sandlock", "container")
"""From the one that holds most for the least; a container costs a tenth to half of a second."""


def backends(name: str | None) -> Iterator[Backend]:
    """The backends to try, in order; each is made when it is asked for.

    Args:
        name: "bubblewrap", "sandlock" or "container"; also "podman" or "docker", and each of these
            two with the runtime of its containers ("podman:runc", "docker:runsc"). None: all, in
            the order of `ORDER`.

    Raises:
        ConfigError: there is no such backend.
    """
    if name is not None:
        check(name)
    for each in ORDER if name is None else (name,):
        yield _made(each)


def check(name: str) -> None:
    """Refuse a name that no backend has.

    Raises:
        ConfigError: names those that there are.
    """
    from toolrun.sandbox.container.engine import Name

    engine, _, runtime = name.partition(":")
    if name in ORDER or (engine in get_args(Name) and (runtime or ":" not in name)):
        return
    raise ConfigError(
        f"there is no sandbox backend {name!r}: choose bubblewrap, sandlock, container, podman or "
        "docker; the last two also with a runtime, as in podman:runc"
    )


def _made(name: str) -> Backend:
    if name == "bubblewrap":
        from toolrun.sandbox.bubblewrap.backend import Bubblewrap

        return Bubblewrap()
    if name == "sandlock":
        from toolrun.sandbox.sandlock.backend import Sandlock

        return Sandlock()
    from toolrun.sandbox.container.backend import Container

    engine, _, runtime = name.partition(":")
    if engine == "docker":
        return Container("docker", runtime or None)
    return Container("podman" if engine == "podman" else None, runtime or None)


def check_guarantees(profile: Profile, backend: Backend) -> None:
    """Refuse a backend that gives less than a profile needs.

    Raises:
        SandboxUnavailable: names what is missing, and what could be done.
    """
    if profile.workspace == "writable" and not hasattr(backend, "layer"):
        raise SandboxUnavailable(
            f"sandbox profile {profile.name!r} has a writable workspace, which {backend.name} "
            "cannot undo. Use the backend bubblewrap, or a profile with a scratch folder"
        )
    missing = set(profile.guarantees) - backend.guarantees
    if missing:
        raise SandboxUnavailable(
            f"sandbox profile {profile.name!r} needs {', '.join(sorted(missing))}, which "
            f"{backend.name} does not give. Use another backend, or a profile of your own whose "
            "guarantees do not ask for it"
        )


def none_holds(refusals: Sequence[tuple[str, SandboxUnavailable]]) -> SandboxUnavailable:
    """What is said where no backend holds: why not, of each."""
    if len(refusals) == 1:
        return refusals[0][1]
    reasons = "".join(f"\n- {name}: {error}" for name, error in refusals)
    return SandboxUnavailable(f"sandbox: no backend holds here, so nothing was run:{reasons}")


def warn(name: str, refusals: Sequence[tuple[str, SandboxUnavailable]]) -> str:
    """Log that another backend than the first is used, and why; gives the same as one text."""
    structlog.get_logger("toolrun").warning(
        "another sandbox backend is used",
        backend=name,
        refused={refused: str(error) for refused, error in refusals},
    )
    reasons = "; ".join(f"{refused}: {error}" for refused, error in refusals)
    return f"sandboxes are made by {name}, because of {reasons}"
