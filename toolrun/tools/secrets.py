"""Where do the secrets that a tool declares come from? From the session's `secrets`, by name."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from toolrun.errors import ConfigError
from toolrun.known import Known
from toolrun.tools.context import Hidden
from toolrun.tools.masks import SHORTEST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolrun.tools.definition import Tool

Source: TypeAlias = Mapping[str, str] | Callable[[str], str | Awaitable[str | None] | None]
"""Values by their names, or a function (a coroutine function, too) from a name to its value.

A function is asked when a session opens and again for each call, so that values may change.
"""

NONE: Final = Hidden()


def check_source(source: object) -> None:
    """Refuse what secrets cannot come from; no value is in the message.

    Raises:
        ConfigError: says what would fit.
    """
    if source is None or callable(source):
        return
    if not isinstance(source, Mapping):
        kind = type(source).__name__
        raise ConfigError(f"secrets must be a dict, or a function of a name, not {kind}")
    for name, value in source.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ConfigError(f"secrets: {name!r} must be a name with a string")


class Secrets:
    """The secrets of a session.

    Args:
        source: where they are; None: there are none.

    Attributes:
        given: the values that a function gave so far.
    """

    def __init__(self, source: Source | None = None) -> None:
        self._source: Source = {} if source is None else source
        self.given: Known = Known()

    async def check(self, tools: Iterable[Tool]) -> None:
        """Pass where every tool can be given what it declares.

        Raises:
            ConfigError: names the tool, the secret, and what to do.
        """
        for tool in tools:
            await self.of(tool)

    def known(self, tools: Iterable[Tool]) -> list[str]:
        """The values that tools declare, as far as nobody has to be asked."""
        source = self._source
        if not isinstance(source, Mapping):
            return []
        names = {name for tool in tools for name in tool.options.secrets}
        return [source[name] for name in names if name in source]

    async def of(self, tool: Tool) -> Hidden:
        """What a tool declares, and nothing else.

        Raises:
            ConfigError: names the tool, the secret, and what to do.
        """
        names = tool.options.secrets
        return Hidden({name: await self._value(tool, name) for name in names}) if names else NONE

    async def _value(self, tool: Tool, name: str) -> str:
        where = f"tool {tool.name}: secret {name}"
        if isinstance(self._source, Mapping):
            value = self._source.get(name)
        else:
            try:
                found = self._source(name)
                value = await found if inspect.isawaitable(found) else found
                self.given.learn(value)
            except Exception as error:  # noqa: BLE001 - the user's code may raise anything
                # Not its message, nor as its cause: that may hold a secret.
                raise ConfigError(
                    f"{where} could not be had: secrets raised {type(error).__name__}"
                ) from None
        if value is None or value == "":
            raise ConfigError(
                f"{where} is not there; give it: Session(secrets={{{name!r}: ...}}), at the "
                f"command line --secrets {name}; or take it out of the tool's secrets"
            )
        if type(value) is not str or "\0" in value:
            raise ConfigError(f"{where} is no text that an environment variable can hold")
        if len(value.strip()) < SHORTEST:
            raise ConfigError(
                f"{where} has fewer than {SHORTEST} characters: it could not be masked without "
                "masking ordinary text; give a longer one"
            )
        return value
