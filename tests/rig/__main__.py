"""What does a person type to use the rig? `python -m tests.rig install | serve | capture`."""

from __future__ import annotations

import argparse
import sys
import time

from tests.rig.install import InstallError, install
from tests.rig.versions import LATEST, RELEASES


def _say(line: str) -> None:
    print(line, flush=True)


def _install(versions: list[str]) -> None:
    begin = time.monotonic()
    for version in versions:
        done = install(version, _say)
        _say(f"vLLM {version} is ready in {done.environment}")
    _say(f"installed in {time.monotonic() - begin:.0f} s")


def _serve(version: str, port: int) -> None:
    from tests.rig.serve import serve

    serve(version, port, _say)


def _capture(versions: list[str]) -> None:
    from tests.rig.capture import capture

    for version in versions:
        capture(version, _say)


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
    command = commands.add_parser("serve", help="run a server until Ctrl-C")
    command.add_argument("--version", choices=list(RELEASES), default=LATEST)
    command.add_argument("--port", type=int, default=0, help="0 takes a free one")
    arguments = parser.parse_args()
    versions = list(RELEASES) if arguments.version == "all" else [arguments.version]
    try:
        match arguments.command:
            case "install":
                _install(versions)
            case "capture":
                _capture(versions)
            case "serve":
                _serve(arguments.version, arguments.port)
    except InstallError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
