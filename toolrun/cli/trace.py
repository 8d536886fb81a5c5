"""`toolrun trace`: what can be made of a recorded session?"""

from __future__ import annotations

from typing import Final

from cyclopts import App, Parameter

_COMMANDS = {
    "check": "Check traces: each line, their order, and what they say of each other.",
    "show": "Show a recorded session: what was said and done, how long, how much.",
    "diff": "Tell in what two recorded sessions differ.",
    "view": "Make a page of a trace, or of a folder, and open it in the browser.",
    "minimize": "Write the smallest trace that still fails.",
    "redact": "Write a trace again without secrets.",
    "migrate": "Write traces of an older format again in the newest.",
    "to-test": "Write a test for pytest from a trace.",
    "export": "Write what traces hold to stdout, in another form.",
}
"""Each lies in a module of its own, `trace_NAME`, which is imported when it is asked for."""
_EXAMPLES = {
    "check": "traces/",
    "show": "session.jsonl --turn 2 --no-reasoning",
    "diff": "yesterday.jsonl today.jsonl",
    "redact": "session.jsonl clean.jsonl --secret-env DATABASE_PASSWORD",
    "migrate": "traces/ --output migrated/",
    "export": "--chat traces/ > turns.jsonl",
}

app: Final = App(
    name="trace",
    help="Check, show, compare and export recorded sessions.",
    default_parameter=Parameter(show_default=False, negative=()),
)
for _name, _help in _COMMANDS.items():
    if _name in _EXAMPLES:
        _help += f"\n\nExample: toolrun trace {_name} {_EXAMPLES[_name]}"
    _module = f"trace_{_name.replace('-', '_')}"
    app.command(f"toolrun.cli.{_module}:{_name.replace('-', '_')}", name=_name, help=_help)
