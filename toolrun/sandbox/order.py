"""What is a box to be? An `Order` says it; a backend makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from toolrun.errors import ConfigError
from toolrun.sandbox.hidden import Mask
from toolrun.sandbox.layer.layer import Layer
from toolrun.sandbox.profile import Profile
from toolrun.sandbox.view import View

if TYPE_CHECKING:
    from collections.abc import Mapping

HOME: Final = "/tmp"  # noqa: S108 - the box's own tmpfs
SCRATCH: Final = "/work"
"""Where the folder of a profile with a scratch workspace is; the working directory."""
ENVIRONMENT: Final[Mapping[str, str]] = {
    "PATH": "/usr/bin:/bin",
    "HOME": HOME,
    "TMPDIR": HOME,
    "LANG": "C.UTF-8",
}
"""What every box has; the profile and the call add to it."""


class Bind(msgspec.Struct, frozen=True):
    """A file or folder of the host that a box sees at a path of its own."""

    source: str
    target: str
    writable: bool = False


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a box is to be.

    Attributes:
        profile: what it may touch, and how much.
        view: the files that it sees, read-only, beside the interpreter's.
        masks: what is covered in each of the view's folders.
        boot: what the shim is given; see `toolrun.sandbox.code.boot`.
        cwd: its working directory.
        binds: what it sees beside, mounted after everything else.
        layer: what it sees in the place of the workspace, and may write; for one call.
    """

    profile: Profile
    view: View
    boot: bytes
    masks: tuple[tuple[Mask, ...], ...] = ()
    cwd: str = HOME
    binds: tuple[Bind, ...] = ()
    layer: Layer | None = None

    def __post_init__(self) -> None:
        """Refuse what the scratch folder would cover, or be covered by."""
        folders = {folder.path for folder in self.view.folders}
        if self.profile.workspace == "scratch" and SCRATCH in folders:
            raise ConfigError(
                f"sandbox profile {self.profile.name!r}: its scratch folder is at {SCRATCH}, where "
                "the tool's module lies, too. Move the module into a folder below or elsewhere"
            )


def working_folder(profile: Profile, workspace: str | None) -> str:
    """The working directory of a box."""
    return SCRATCH if profile.workspace == "scratch" else workspace or HOME
