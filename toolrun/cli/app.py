"""How does a command line become a command, and an error a message and an exit code?"""

from __future__ import annotations

import os
import sys
import traceback
from itertools import pairwise
from pathlib import Path  # noqa: TC003 - cyclopts reads it
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import App, CycloptsError, Group, Parameter, UnusedCliTokensError

from toolrun._version import __version__
from toolrun.cli.exits import Exit, Interrupted, of_error
from toolrun.cli.options import STDIN, Common
from toolrun.cli.screen import visible
from toolrun.errors import ToolrunError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ASK, _LOOK, _SET_UP = (
    Group(name, sort_key=at)
    for at, name in enumerate(("Ask", "Look at what happened", "Set up and check"))
)
_EVERYWHERE = Group("Every command", sort_key=9)
_COMMANDS = {
    "run": (_ASK, "Ask once: the answer on stdout, what happens on stderr."),
    "chat": (_ASK, "Talk with a model that has tools."),
    "serve": (_ASK, "Serve the OpenAI API; tools run here, reasoning survives."),
    "replay": (_LOOK, "Show a recorded session again, or check that it holds."),
    "trace": (_LOOK, "Check, show, compare and export recorded sessions."),
    "sessions": (_LOOK, "List, show and remove the sessions that a store keeps."),
    "init": (_SET_UP, "Make a project: a tool, settings, a test that passes."),
    "demo": (_SET_UP, "One session, explained step by step; it needs no server."),
    "doctor": (_SET_UP, "Check a server: what it keeps, loses, and what mends it."),
    "tools": (_SET_UP, "List, check, call and show the tools of a session."),
    "sandbox": (_SET_UP, "List, show, check profiles; run a command in a box."),
    "completion": (_SET_UP, "Print what completes commands in a shell."),
}
_EXAMPLES = {
    "run": "git log -5 | toolrun run - --tools files --workspace .",
    "chat": "toolrun chat --tools python,files --workspace .",
    "serve": "toolrun serve --tools my_tools.py --port 8080",
    "replay": "toolrun replay session.jsonl --speed 4",
    "init": "toolrun init my_agent",
    "doctor": "toolrun doctor http://localhost:8000/v1",
}

app: Final = App(
    name="toolrun",
    help="Function calling with gpt-oss on vLLM: the reasoning survives, tools run in a sandbox.",
    help_epilogue=(
        "Exit codes: 0 answer, 1 no answer, 2 usage, 3 limited, 4 denied, 5 server, 6 parked, "
        "130 interrupted."
    ),
    version=__version__,
    default_parameter=Parameter(show_default=False, negative=()),
)
for _flag in ("--help", "--version"):
    app[_flag].group = (_EVERYWHERE,)
_GROUPS = frozenset({"tools", "sandbox", "trace", "sessions"})
"""Commands that have commands of their own."""
for _at, (_name, (_group, _help)) in enumerate(_COMMANDS.items()):
    _home = f"toolrun.cli.{_name}:{'app' if _name in _GROUPS else _name}"
    if _name in _EXAMPLES:
        _help = f"{_help}\n\nExample: {_EXAMPLES[_name]}"
    app.command(_home, name=_name, help=_help, group=_group, sort_key=_at)


@app.meta.default
def _launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    debug: Annotated[
        bool, Parameter(group=_EVERYWHERE, help="Show the traceback of an error.")
    ] = False,
    config: Annotated[
        Path | None,
        Parameter(group=_EVERYWHERE, help="Settings; toolrun.toml of this folder by default."),
    ] = None,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"] | None,
        Parameter(group=_EVERYWHERE, help="What is logged to stderr; warning by default."),
    ] = None,
) -> int:
    """Run a command with what every command has."""
    function, bound, injected = app.parse_args(tokens, exit_on_error=False, print_error=False)
    own: dict[str, Any] = (
        {"common": Common(debug, config, log_level)} if "common" in injected else {}
    )
    code: int | None = function(*bound.args, **bound.kwargs, **own)
    return Exit.ANSWER if code is None else code


def command(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code; errors become one message on stderr."""
    return ended(lambda: launched(arguments), arguments)


def launched(arguments: Sequence[str]) -> int | None:
    """Run a command line and return its exit code.

    Raises:
        CycloptsError: it is none.
        Exception: what the command raises.
    """
    # To cyclopts a lone hyphen is an option.
    tokens = _with_values([STDIN if each == "-" else each for each in arguments])
    code: int | None = app.meta(
        tokens, exit_on_error=False, print_error=False, result_action="return_value"
    )
    return code


def _with_values(tokens: list[str]) -> list[str]:
    """The command line; `chat --resume` without an id asks for a list to pick from."""
    after = [*tokens[1:], "--"]
    bare = {
        at
        for at, (word, following) in enumerate(zip(tokens, after, strict=True))
        if word == "--resume" and following.startswith("-") and "chat" in tokens[:at]
    }
    return [f"{word}={STDIN}" if at in bare else word for at, word in enumerate(tokens)]


def ended(outcome: Callable[[], int | None], arguments: Sequence[str]) -> int:
    """The exit code of a command line; what it raises becomes one message on stderr."""
    for stream in (sys.stdout, sys.stderr):
        # Whatever a model writes can be shown, in a C locale too.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = outcome()
        sys.stdout.flush()
    except CycloptsError as error:
        return _failed(_misread(error), Exit.USAGE)
    except (KeyboardInterrupt, Interrupted):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output is gone; the flush at exit must not find the pipe either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.NO_ANSWER
    except Exception as error:  # noqa: BLE001 - whatever it is, a person reads one message
        own = arguments[: arguments.index("--")] if "--" in arguments else arguments
        if "--debug" in own:
            print(visible(traceback.format_exc()), end="", file=sys.stderr)
        return _explained(error, arguments)
    return Exit.ANSWER if code is None else int(code)


def _misread(error: CycloptsError) -> str:
    """What is wrong with a command line, and whose help tells more."""
    words = " ".join(["toolrun", *(error.command_chain or ())])
    what = str(error)
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        what = f"{words} does not take {', '.join(map(repr, error.unused_tokens))}."
    return f"{what}\nSee {words} --help."


def _explained(error: Exception, arguments: Sequence[str]) -> Exit:
    from toolrun.cli.log import Mask

    mask = Mask([os.environ.get("TOOLRUN_API_KEY"), *_given_keys(arguments)])
    if isinstance(error, ToolrunError | OSError):
        return _failed(mask.text(str(error)), of_error(error))
    text = f"{type(error).__name__}: {error}\nThis is a bug in toolrun; --debug shows more."
    return _failed(mask.text(text), Exit.NO_ANSWER)


def _given_keys(arguments: Sequence[str]) -> list[str]:
    """The keys of the command line, so that no message repeats them."""
    keys = [each.partition("=")[2] for each in arguments if each.startswith("--api-key=")]
    return keys + [value for option, value in pairwise(arguments) if option == "--api-key"]


def _failed(message: str, code: Exit) -> Exit:
    sys.stdout.flush()
    # Not wrapped: a command in it can be copied as one line.
    print(visible(f"toolrun: {message}"), file=sys.stderr)
    return code
