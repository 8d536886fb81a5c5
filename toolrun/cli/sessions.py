"""`toolrun sessions`: what can be done with the sessions that a store keeps?"""

from __future__ import annotations

from typing import Final

from cyclopts import App, Parameter

_COMMANDS = {
    "list": "List the sessions of a store, the newest first.",
    "show": "Show a session: what was said and done.",
    "rm": "Remove sessions, and all that belongs to them.",
    "purge": "Remove the sessions that are old.",
}
"""Each lies in a module of its own, `sessions_NAME`, which is imported when it is asked for."""
_EXAMPLES = {
    "list": "--status parked --status failed",
    "show": "4c1b0e9a7d2f3a68 --no-reasoning",
    "rm": "4c1b0e9a7d2f3a68 --yes",
    "purge": "--older-than 30d --status finished --dry-run",
}
_FUNCTIONS = {"list": "show"}
"""What the function is called where the command's name is a word of Python."""

app: Final = App(
    name="sessions",
    help="List, show and remove the sessions that a store keeps.",
    default_parameter=Parameter(show_default=False, negative=()),
)
for _name, _help in _COMMANDS.items():
    _help += f"\n\nExample: toolrun sessions {_name} {_EXAMPLES[_name]}"
    _home = f"toolrun.cli.sessions_{_name}:{_FUNCTIONS.get(_name, _name)}"
    app.command(_home, name=_name, help=_help)
