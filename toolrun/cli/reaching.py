"""No server answers: what was tried, what does that mean, and which command starts one?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from toolrun.errors import ServerTimeout, ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.config import Config
    from toolrun.errors import ServerError

_HERE: Final = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 - read, never listened on
_USUAL_PORT: Final = 8000
_CAUSES: Final = (
    ("refused", "nothing listens on port {port}: another port, or is it still starting?"),
    ("111]", "nothing listens on port {port}: another port, or is it still starting?"),
    ("not known", "there is no host {host}: is the name right?"),
    ("gaierror", "there is no host {host}: is the name right?"),
    ("unreachable", "no way leads to {host}: is the network right?"),
    ("TLS", "it does not speak TLS: should the URL begin with http://?"),
)


def start_command(model: str, url: str = "") -> str:
    """The command that starts vLLM so that tools are called and cached tokens are told.

    Args:
        model: its name.
        url: where it is looked for: its port.
    """
    from toolrun.models.faults import PARSER_FLAGS

    port = _port(url) if url else _USUAL_PORT
    where = "" if port == _USUAL_PORT else f" --port {port}"
    return f"vllm serve {model}{where} {PARSER_FLAGS} --enable-prompt-tokens-details"


def toy_hint() -> str:
    """What needs no server, and how one gets it."""
    from toolrun.embedded import NANO, is_installed

    first = "" if is_installed() else " (first: pip install 'toolrun[embedded]')"
    return (
        f"or try the toy model that comes with toolrun, without a server: --model {NANO} and no "
        f"--base-url{first}"
    )


def unserved(error: ServerUnreachable) -> ServerUnreachable:
    """The same error of a server, with what needs none."""
    told = ServerUnreachable(f"{error}\n{toy_hint()}", answered=error.answered)
    told.__cause__ = error
    return told


def unreached(failed: Sequence[tuple[str, ServerError]], config: Config) -> ServerError:
    """The error of servers none of which is there, with what to do; else the first error.

    Args:
        failed: base URLs, and what each of them met.
        config: the settings.
    """
    first = failed[0][1]
    if not all(isinstance(error, ServerUnreachable) or _late(error) for _, error in failed):
        return next(error for _, error in failed if not isinstance(error, ServerUnreachable))
    tried = "\n".join(f"    {url}: {_meaning(url, error)}" for url, error in failed)
    here = [url for url, _ in failed if urlsplit(url).hostname in _HERE]
    machine = "" if here else " there"
    command = start_command(config.model, (here or [failed[0][0]])[0])
    told = ServerUnreachable(
        f"no server answers. Tried:\n{tried}\n"
        f"Start vLLM{machine} with\n    {command}\n"
        "or say where a server runs: --base-url URL, TOOLRUN_BASE_URL, or base_url in toolrun.toml"
        f"\n{toy_hint()}"
    )
    told.__cause__ = first
    return told


def _late(error: ServerError) -> bool:
    return isinstance(error, ServerTimeout) and error.phase == "connect"


def _meaning(url: str, error: ServerError) -> str:
    """What an error means, in the words of whoever typed the URL."""
    text = str(error).partition("\n")[0]
    if _late(error):
        return f"no connection in time: is {urlsplit(url).hostname} on, and does a firewall hold?"
    for mark, meaning in _CAUSES:
        if mark.lower() in text.lower():
            return meaning.format(host=urlsplit(url).hostname, port=_port(url))
    return text


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)
