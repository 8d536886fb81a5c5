"""What does a person type? `python -m tests.rig install | serve | demo | capture`."""

from __future__ import annotations

import argparse
import sys
import time

from tests.rig.install import InstallError, install
from tests.rig.versions import LATEST, RELEASES


def _say(line: str) -> None:
    print(line, flush=True)


def _install(versions: list[str], *, clients: bool) -> None:
    begin = time.monotonic()
    for version in versions:
        done = install(version, _say)
        _say(f"vLLM {version} is ready in {done.environment}")
    if clients:
        from tests.rig.clients import install_clients

        _say(f"other frameworks are ready in {install_clients(_say).python.parents[1]}")
    _say(f"installed in {time.monotonic() - begin:.0f} s")


def _serve(version: str, port: int, *, nano: bool) -> None:
    from tests.rig.serve import serve

    serve(version, port, _say, nano=nano)


def _capture(versions: list[str]) -> None:
    from tests.rig.capture import capture

    for version in versions:
        capture(version, _say)


def _demo() -> int:
    from tests.rig.demo import demo

    return demo(_say)


def _versions(name: str) -> list[str]:
    return list(RELEASES) if name == "all" else [name]


def main() -> None:
    """Parse the command line and run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.rig", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (
        ("install", "build what the servers need, once"),
        ("capture", "record the servers' replies into tests/rig/shapes"),
    ):
        command = commands.add_parser(name, help=what)
        command.add_argument("--version", choices=[*RELEASES, "all"], default="all")
        if name == "install":
            command.add_argument("--clients", action="store_true", help="other frameworks, too")
    commands.add_parser("demo", help="run a session against a server, before your eyes")
    command = commands.add_parser("serve", help="run a server until Ctrl-C")
    command.add_argument("--version", choices=list(RELEASES), default=LATEST)
    command.add_argument("--port", type=int, default=0, help="0 takes a free one")
    command.add_argument("--model", choices=["scripted", "nano"], default="scripted")
    arguments = parser.parse_args()
    try:
        match arguments.command:
            case "install":
                _install(_versions(arguments.version), clients=arguments.clients)
            case "capture":
                _capture(_versions(arguments.version))
            case "demo":
                sys.exit(_demo())
            case "serve":
                _serve(arguments.version, arguments.port, nano=arguments.model == "nano")
    except InstallError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
