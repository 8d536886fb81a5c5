"""What is logged, where to, and what must not be in it?

To stderr: key-value for people at a terminal, else a JSON object a line. Secrets are masked by key
and by value, in tracebacks too.
"""

from __future__ import annotations

import logging
import re
import sys
import textwrap
from typing import TYPE_CHECKING, Any, Final

from toolrun.cli.screen import visible
from toolrun.config_check import MASK

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping
    from typing import TextIO

_KEYS: Final = re.compile(
    r"(?i)^(.*[_-])?(api[_-]?key|authorization|password|secret|token|cookie)$"
)
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{4,}")
_USERINFO: Final = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_SHORTEST: Final = 4
_PUBLIC: Final = ("EMPTY",)


class Mask:
    """Takes secrets out of texts and of what is logged."""

    def __init__(self, secrets: Iterable[str | None] = ()) -> None:
        """Take the secrets; shorter ones than four characters are told by their keys alone."""
        given = {each for each in secrets if each and each not in _PUBLIC}
        self._secrets = sorted((each for each in given if len(each) >= _SHORTEST), key=len)[::-1]

    def text(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        text = _BEARER.sub(rf"\1 {MASK}", text)
        return _USERINFO.sub(MASK, text)

    def value(self, value: Any) -> Any:
        """A value without secrets, however deep they sit."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                key: MASK if isinstance(key, str) and _KEYS.match(key) else self.value(each)
                for key, each in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(each) for each in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.text(repr(value))

    def __call__(
        self,
        logger: Any,  # noqa: ARG002 - a processor's signature
        method: str,  # noqa: ARG002 - structlog's
        event: MutableMapping[str, Any],
    ) -> MutableMapping[str, Any]:
        """Be a processor of structlog."""
        masked: dict[str, Any] = {}
        for key, each in event.items():
            own = key.startswith("_")  # structlog's record of a foreign logger
            masked[key] = each if own else MASK if _KEYS.match(key) else self.value(each)
        return masked


def set_up(level: str, mask: Mask, file: TextIO | None = None) -> None:
    """Send what toolrun and its tools log to a stream, stderr by default.

    Args:
        level: "debug", "info", "warning" or "error".
        mask: takes the secrets out.
        file: the stream; JSON lines unless it is a terminal.
    """
    import structlog

    stream = file or sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                mask,
                _renderer(stream),
            ],
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # other libraries' chatter: at the worst levels only
    logging.getLogger("toolrun").setLevel(level.upper())


def _renderer(stream: TextIO) -> Any:
    import os

    import structlog

    if not stream.isatty():
        return structlog.processors.JSONRenderer(ensure_ascii=True)  # no raw escapes in a log
    keys = structlog.processors.KeyValueRenderer(
        key_order=["timestamp", "level", "event"], drop_missing=True, sort_keys=True
    )
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def render(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        # A traceback is for reading: lines of its own, behind the others.
        traceback = str(event.pop("traceback", "")).rstrip("\n")
        # repr of each value: control characters come out escaped.
        line = keys(logger, method, event)
        if traceback:
            line += "\n" + textwrap.indent(visible(traceback), "    ")
        return f"\x1b[2m{line}\x1b[0m" if colour else str(line)

    return render
