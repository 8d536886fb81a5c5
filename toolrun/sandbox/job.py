"""What goes into a box, and what comes out of it?"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from toolrun.errors import ConfigError
from toolrun.sandbox.layer.layer import Kept
from toolrun.values import Json

if TYPE_CHECKING:
    from toolrun.sandbox.egress.proxy import Tell
    from toolrun.sandbox.layer.copy_out import Changing

Status = Literal[
    "ok",
    "exception",
    "crash",
    "timeout",
    "output_limit",
    "memory_limit",
    "disk_limit",
]


Stream = Literal["stdout", "stderr"]
OnOutput = Callable[[Literal["stdout", "stderr", "progress"], str], None]
"""Is told the stream and the text as a tool prints, and "progress" of each value it yields."""


class Made(msgspec.Struct, frozen=True):
    """An object that is made in the box: of a class there, with these keyword arguments.

    Attributes:
        module: of the class.
        name: of the class.
        arguments: keyword arguments, as JSON values.
    """

    module: str
    name: str
    arguments: dict[str, Json]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a function.

    Attributes:
        file: absolute path of the file of the function's module.
        module: the module's name; "__main__" is imported again as "__mp_main__".
        qualname: the function's name in the module, dotted where it sits in a class.
        arguments: its keyword arguments, a JSON object.
        objects: further arguments, which are no JSON.
        python: a virtual environment whose packages it may import, of this process's version.
    """

    file: str
    module: str
    qualname: str
    arguments: bytes = b"{}"
    objects: dict[str, Made] = {}
    python: str | None = None

    def decoded(self) -> dict[str, Json]:
        """Its arguments.

        Raises:
            ConfigError: they are no JSON object.
        """
        try:
            return msgspec.json.decode(self.arguments, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            raise ConfigError(
                f"tool {self.qualname}: arguments are no JSON object: {error}"
            ) from error

    @classmethod
    def named(cls, name: str, arguments: Mapping[str, Json]) -> Job:
        """A call of a function that is named: "package.module:function".

        Args:
            name: of the function.
            arguments: keyword arguments, as JSON values.

        Raises:
            ConfigError: there is no such module, or it has no file; or the arguments are no JSON.
        """
        module, colon, qualname = name.partition(":")
        if not (module and colon and qualname):
            raise ConfigError(f"{name!r}: name a function as 'package.module:function'")
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError) as error:
            raise ConfigError(f"{name!r}: {error}") from error
        if spec is None or not spec.has_location or spec.origin is None:
            raise ConfigError(f"{name!r}: there is no module {module!r} that has a file")
        try:
            encoded = msgspec.json.encode(dict(arguments))
        except TypeError as error:
            raise ConfigError(f"{name!r}: the arguments are no JSON: {error}") from error
        return cls(file=spec.origin, module=module, qualname=qualname, arguments=encoded)


class Hears(NamedTuple):
    """Who hears of a call; see `Sandbox.call`."""

    on_output: OnOutput | None = None
    changing: Changing | None = None
    on_egress: Tell | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one call of a function ended.

    Attributes:
        status: "ok": it returned; "exception": it raised; "crash": its process ended before it
            returned; else which limit of the profile ended it.
        value: what it returned, as JSON; None unless the status is "ok".
        error: for the model: exception type and message, or what ended the call; None if "ok".
        traceback: for the log; only after an exception.
        stdout, stderr: what it printed, at most `output_bytes` together.
        seconds: wall time of the box, its start included.
        exit: the exit status of its process, 128 + n if signal n ended it; None where the result
            came first or the box was killed from outside.
        kept: what became of what it wrote to a writable workspace.
    """

    status: Status
    value: msgspec.Raw | None = None
    error: str | None = None
    traceback: str | None = None
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    exit: int | None = None
    kept: Kept = Kept()

    @property
    def returned(self) -> Json:
        """What the function returned, decoded.

        Raises:
            ValueError: it did not return; the message says what happened instead.
        """
        if self.value is None:
            raise ValueError(self.error)
        return msgspec.json.decode(self.value)


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """How a plain command ended; the attributes are those of `Outcome`, the streams as bytes.

    Attributes:
        status: "ok": it ended by itself, whatever its exit status.
    """

    status: Status
    exit: int | None
    stdout: bytes
    stderr: bytes
    seconds: float
    error: str | None = None
    kept: Kept = Kept()
