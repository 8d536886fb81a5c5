"""`toolrun doctor`: what does this server keep, what does it lose, and what mends it?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from cyclopts import Parameter

from toolrun.cli.options import Common, ServerOptions, settings
from toolrun.embedded import is_embedded
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from toolrun.config import Config
    from toolrun.models.doctor import Report


def doctor(
    url: str | None = None,
    /,
    *,
    options: ServerOptions | None = None,
    as_json: Annotated[
        bool, Parameter(name="--json", help="The report as one JSON object, for programs.")
    ] = False,
    common: Annotated[Any, Parameter(parse=False)] = None,
) -> int:
    """Check a server with a few tokens each: what it keeps, what it loses, and what mends it.

    Green: it works. Yellow: it works with a limit, or could not be told. Red: toolrun will not work
    well with it, and the command ends with 1. A server that nobody answers at ends it with 5.
    --model nano, without a URL, checks the embedded model.

    Args:
        url: Base URL; that of the settings by default. Without a path, /v1 is meant.
        options: Of the server.
        as_json: The report as JSON.
        common: What every command has.
    """
    import anyio

    config, _ = settings(options or ServerOptions(), common or Common())
    base_url = _only(config.base_url) if url is None else _with_path(url)
    if is_embedded(base_url):
        from toolrun.models.doctor.embedded import examine_embedded

        report = anyio.run(examine_embedded)
    else:
        report = anyio.run(_examined, config, base_url, as_json)
    if as_json:
        import msgspec

        fields = msgspec.to_builtins(report) | {"works": report.works}
        print(msgspec.json.format(msgspec.json.encode(fields)).decode())
    else:
        from toolrun.cli.doctor_table import show

        show(report, sys.stdout)
    return 0 if report.works else 1


async def _examined(config: Config, base_url: str, as_json: bool) -> Report:  # noqa: FBT001 - an option, passed on
    from toolrun.cli.doctor_table import Progress
    from toolrun.config import Config
    from toolrun.models.doctor import examine
    from toolrun.models.ways import Server

    server = Server(base_url, api_key=config.api_key, dialect=config.dialect)
    # The default is no wish: whichever gpt-oss is served will do.
    model = None if config.model == Config().model else config.model
    with Progress(sys.stderr, shown=not as_json and sys.stderr.isatty()) as progress:
        return await examine(
            server,
            model,
            extra_body=config.extra_body,
            on_begin=progress.begin,
            on_check=progress.end,
        )


def _only(base_url: str | tuple[str, ...]) -> str:
    """The server that the settings name.

    Raises:
        ConfigError: they name several.
    """
    urls = (base_url,) if isinstance(base_url, str) else base_url
    if len(urls) > 1:
        raise ConfigError(f"doctor checks one server: name one of {', '.join(urls)}")
    return urls[0]


def _with_path(url: str) -> str:
    """The base URL that is meant by a host, or by a URL without a path."""
    whole = url if "://" in url else f"http://{url}"
    return whole if urlsplit(whole).path.strip("/") else f"{whole.rstrip('/')}/v1"
