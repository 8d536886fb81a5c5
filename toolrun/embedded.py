"""When is the model meant that comes with toolrun, and not one of a server's?

`nano` names it where no server is named with it: the file, the variables or the arguments that say
`model = "nano"` decide, and those that come over them. With a `base_url` there, it is a name like
any other, and the model is that server's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from toolrun.errors import ConfigError
from toolrun.extras import has

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NANO: Final = "nano"
"""How options and files name it."""
NAME: Final = "toolrun-nano"
"""How it calls itself."""
EMBEDDED: Final = "embedded:"
"""What stands where a server's base URL stands: there is none, this process samples."""
NEEDS: Final = ("numpy", "openai_harmony")
"""The modules that it needs, of the extra `embedded`."""
WHAT: Final = "toolrun-nano, a toy with real wiring"
"""What a person is told of it."""
_OF_A_SERVER: Final = ("dialect", "extra_body")
_DIRECTLY: Final = (None, "auto", "harmony")


def is_installed() -> bool:
    """Whether what it needs is there."""
    return all(map(has, NEEDS))


def is_embedded(base_url: str | Sequence[str] | None) -> bool:
    """Whether a base URL, or the only one of a list, stands for the embedded model."""
    return base_url == EMBEDDED or (not isinstance(base_url, str) and base_url == (EMBEDDED,))


def without_server(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What settings come to by the embedded model, where they mean it; {} where they do not.

    What an earlier layer says of a server is another one's, and does not count.

    Args:
        layers: of settings by their keys, those that count most last.

    Raises:
        ConfigError: something beside it says how a server is asked.
    """
    at = max((n for n, layer in enumerate(layers) if "model" in layer), default=-1)
    if at < 0 or layers[at]["model"] != NANO:
        return {}
    beside = {key: value for layer in layers[at:] for key, value in layer.items()}
    if "base_url" in beside:
        return {}
    wrong: list[str] = [key for key in _OF_A_SERVER if key in beside]
    wrong += ["via"] if beside.get("via") not in _DIRECTLY else []
    if wrong:
        raise ConfigError(
            f"{wrong[0]} says how a server is asked, and the model {NANO} is the embedded one, "
            "which needs none. Leave it out; or name the server with base_url, if it is one that "
            f"serves a model called {NANO}"
        )
    return {"base_url": EMBEDDED, "via": "auto", "dialect": None, "extra_body": {}}
