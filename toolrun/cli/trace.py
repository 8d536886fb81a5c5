"""`toolrun trace`: what can be made of a recorded session?"""

from __future__ import annotations

from cyclopts import App, Parameter

_COMMANDS = {
    "export": "Write what traces hold to stdout, in another form.",
}
"""Each lies in a module of its own, `trace_NAME`, which is imported when it is asked for."""

app = App(
    name="trace",
    help="Export what a trace holds.",
    default_parameter=Parameter(show_default=False, negative=()),
)
for _name, _help in _COMMANDS.items():
    _module = f"trace_{_name.replace('-', '_')}"
    app.command(f"toolrun.cli.{_module}:{_name.replace('-', '_')}", name=_name, help=_help)
