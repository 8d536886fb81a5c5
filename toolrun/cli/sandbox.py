"""`toolrun sandbox`: what may tools touch, does it hold on this machine, and how is it inside?"""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - cyclopts reads it
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter

from toolrun.cli.options import STDIN, Common, ToolOptions, settings

if TYPE_CHECKING:
    from toolrun.cli.sandbox_check import Report
    from toolrun.config import Config

app: Final = App(
    name="sandbox",
    help="List, show and check the profiles of sandboxes, and run a command in one.",
    default_parameter=Parameter(show_default=False, negative=()),
)
_Json = Annotated[bool, Parameter(name="--json", help="As JSON, for programs.")]
_Backend = Annotated[
    str | None,
    Parameter(help="What makes the boxes: bubblewrap, sandlock, container; see the settings."),
]
_Common = Annotated[Any, Parameter(parse=False)]


@app.command
def profiles(*, as_json: _Json = False) -> int:
    """List the profiles that ship: what each is for, and what it may touch.

    A file of your own extends one of them: toolrun sandbox show FILE.toml.

    Args:
        as_json: An array of objects.
    """
    from toolrun import resources
    from toolrun.cli import screen as s
    from toolrun.cli.sandbox_show import touches
    from toolrun.sandbox import load_profile

    shipped = [load_profile(name) for name in resources.names("sandboxes")]
    if as_json:
        _print_json(shipped)
        return 0
    screen = s.Screen.of(sys.stdout)
    for each in shipped:
        screen.line(s.NAME, each.name)
        screen.line(s.INDENTED, f"{each.description}\n{touches(each)}")
    return 0


@app.command
def show(profile: str | None = None, /, *, as_json: _Json = False, common: _Common = None) -> int:
    """Show a profile with all that it extends: each value, and the file that it stands in.

    What gives more than the extended profile is said.

    Args:
        profile: A name, or a TOML file; that of the settings by default.
        as_json: An object.
        common: What every command has.
    """
    from toolrun.cli.sandbox_show import lines
    from toolrun.sandbox.resolve import resolve

    chosen = _config(common).profile if profile is None else profile
    found = resolve(chosen, source="of the settings")
    if as_json:
        _print_json(found)
        return 0
    from toolrun.cli import screen as s

    screen = s.Screen.of(sys.stdout)
    for style, text in lines(found):
        screen.line(style, text)
    return 0


@app.command
def seccomp() -> int:
    """Print the seccomp profile for a container that toolrun runs in.

    toolrun sandbox seccomp > toolrun-seccomp.json, then docker run --security-opt
    seccomp=toolrun-seccomp.json --security-opt systempaths=unconfined (podman: unmask=ALL).
    """
    from toolrun import resources

    sys.stdout.write(resources.container_seccomp())
    return 0


@app.command
def check(
    profile: str | None = None,
    /,
    *,
    workspace: Annotated[
        Path | None, Parameter(help="Folder that the profile may show; an empty one by default.")
    ] = None,
    backend: _Backend = None,
    as_json: _Json = False,
    common: _Common = None,
) -> int:
    """Check that this machine holds what a profile needs: each probe, and what would fix it.

    A box attacks it; nothing else is run. Ends with 1 where something does not hold.

    Args:
        profile: A name, or a TOML file; that of the settings by default.
        workspace: Folder.
        backend: Name.
        as_json: An array of objects, one a backend that was tried.
        common: What every command has.
    """
    import anyio

    from toolrun.cli.sandbox_check import examined, lines
    from toolrun.sandbox import load_profile

    config = _config(common)
    chosen = load_profile(config.profile if profile is None else profile)
    reports: list[Report] = anyio.run(examined, chosen, workspace, backend or config.backend)
    if as_json:
        _print_json(reports)
    else:
        from toolrun.cli import screen as s

        screen = s.Screen.of(sys.stdout)
        for style, text in lines(reports):
            screen.line(style, text)
    return 0 if any(report.holds for report in reports) else 1


@app.command
def run(
    profile: str,
    /,
    *argv: Annotated[str, Parameter(allow_leading_hyphen=True)],
    workspace: Annotated[
        Path | None, Parameter(help="Folder that the profile may show; none by default.")
    ] = None,
    timeout: Annotated[
        float | None, Parameter(metavar="SECONDS", help="Shorter than the profile's own.")
    ] = None,
    env: Annotated[
        tuple[str, ...] | None,
        Parameter(
            metavar="KEY=VALUE",
            consume_multiple=False,
            help="A variable beside the profile's. May be repeated.",
        ),
    ] = None,
    backend: _Backend = None,
    common: _Common = None,
) -> int:
    """Run a command in a box, as a tool would: toolrun sandbox run pure -- python3 -c "print(1)".

    Its stdin, stdout and stderr are this command's, and so is its exit status. Ends with 3 where a
    limit ended it, which is said on stderr.

    Args:
        profile: A name, or a TOML file.
        argv: The command, after --.
        workspace: Folder.
        timeout: Seconds.
        env: Variables.
        backend: Name.
        common: What every command has.
    """
    import anyio

    from toolrun.cli.sandbox_run import Asked, run_in_box, variables
    from toolrun.sandbox import load_profile

    config = _config(common)
    asked = Asked(
        load_profile(profile),
        tuple("-" if word == STDIN else word for word in argv),
        workspace or config.workspace,
        timeout,
        variables(env or ()),
        backend or config.backend,
    )
    return anyio.run(run_in_box, asked)


def _config(common: Common | None) -> Config:
    return settings(ToolOptions(), common or Common())[0]


def _print_json(value: object) -> None:
    print(msgspec.json.format(msgspec.json.encode(value)).decode())
