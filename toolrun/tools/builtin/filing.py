"""How does the model work on files? `files()`: read, list, search, edit, write, patch.

Each call is done in a box that sees the workspace. `apply_patch` takes the form that gpt-oss was
trained on (openai/gpt-oss, gpt_oss/tools/apply_patch.md).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from toolrun.tools.builtin.boxed import InBox
from toolrun.tools.builtin.code import not_called
from toolrun.tools.builtin.inside.changes import EDIT, PATCH, WRITE
from toolrun.tools.builtin.inside.finding import MAX_FOUND, MAX_LISTED
from toolrun.tools.builtin.inside.patch import BEGIN
from toolrun.tools.decorator import Options
from toolrun.tools.definition import Tool, Toolset, check_options
from toolrun.tools.work import Need

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.sandbox.profile import Chosen
    from toolrun.values import Json

READ, LIST, SEARCH = "read_file", "list_files", "search_files"
_READS, _WRITES = "workspace-ro", "workspace"
_HEAD: Final = 512
"""Bytes of a result that are left for what is said beside a file's lines."""
_PATH: Final = {"type": "string", "description": "In the workspace, such as src/app.py."}
_FOLDER: Final = {
    "type": "string",
    "description": "A folder of the workspace; all of it by default.",
    "default": ".",
}
_SAID: Final[dict[str, tuple[str, dict[str, Any], tuple[str, ...]]]] = {
    READ: (
        (
            "Reads a text file of the workspace. Each line comes with its number and a tab, which "
            "are no part of it. What there is no room for is told; read on from there."
        ),
        {
            "path": _PATH,
            "start": {
                "type": "integer",
                "description": "The first line, from 1; -20 for the last 20 lines.",
                "default": 1,
            },
            "end": {
                "type": "integer",
                "description": "The last line; as many as there is room for by default.",
                "default": -1,
            },
        },
        ("path",),
    ),
    LIST: (
        (
            "Lists a folder of the workspace, or, with a pattern, all files below it that fit. At "
            f"most {MAX_LISTED}, and how many there are. Not .git and the like, nor what "
            ".gitignore names."
        ),
        {
            "path": _FOLDER,
            "pattern": {
                "type": "string",
                "description": "A glob, such as *.py, src/**/*.ts or *.{md,txt}.",
                "default": "",
            },
            "ignored": {
                "type": "boolean",
                "description": "Also what .gitignore names.",
                "default": False,
            },
        },
        (),
    ),
    SEARCH: (
        (
            "Searches the text files of the workspace for a regular expression (Python's), line by "
            f"line. At most {MAX_FOUND} lines, and how many there are."
        ),
        {
            "pattern": {"type": "string", "minLength": 1},
            "path": {**_FOLDER, "description": "A folder or a file; all by default."},
            "glob": {"type": "string", "description": "Of the files, such as *.py.", "default": ""},
            "context": {
                "type": "integer",
                "description": "Lines to show around each, up to 10.",
                "default": 0,
            },
            "literal": {
                "type": "boolean",
                "description": "The pattern is a text, no regular expression.",
                "default": False,
            },
            "ignore_case": {"type": "boolean", "default": False},
        },
        ("pattern",),
    ),
    EDIT: (
        (
            "Replaces a text of a file by another. The text must stand there exactly once, to the "
            "space: give so much of it that no other place fits. Read the file first."
        ),
        {
            "path": _PATH,
            "old_text": {"type": "string", "description": "What stands there, without numbers."},
            "new_text": {"type": "string", "description": "What shall stand there."},
        },
        ("path", "old_text", "new_text"),
    ),
    WRITE: (
        (
            "Makes a new file; its folders are made, too. For a change of a file use edit_file or "
            "apply_patch."
        ),
        {
            "path": _PATH,
            "content": {"type": "string"},
            "overwrite": {
                "type": "boolean",
                "description": "Write a file that is there anew, all of it.",
                "default": False,
            },
        },
        ("path", "content"),
    ),
    PATCH: (
        (
            "Changes files by a patch: all of it, or nothing where one part does not fit.\n"
            f"{BEGIN}\n*** Update File: src/app.py\n@@ def greet():\n     name = who()\n"
            '-    print("Hi")\n+    print("Hello,", name)\n*** Add File: notes.txt\n'
            "+All lines of a new file begin with +\n*** Delete File: old.txt\n*** End Patch\n"
            "Below *** Update File: there may stand *** Move to: and a new path. Lines that stay "
            "begin with a space, lines that go with -, lines that come with +. What stays and goes "
            "must be as in the file, and so much that no other place fits; behind @@ stands a line "
            "before it."
        ),
        {"patch": {"type": "string", "description": f"From {BEGIN} to *** End Patch."}},
        ("patch",),
    ),
}
_CHANGING: Final = (EDIT, WRITE, PATCH)


def files(
    *,
    write: bool = True,
    profile: Chosen | None = None,
    approve: bool | Callable[[dict[str, Json]], bool] | None = None,
    timeout: float = 20.0,
    max_output: int = 16 * 1024,
) -> Toolset:
    """Tools for the files of the workspace, three that read them and three that change them.

    `read_file`, `list_files`, `search_files`; `edit_file`, `write_file`, `apply_patch`. They see
    the workspace, without .git and .env*, and nothing else. Where the session's profile shows the
    workspace, it holds for all of them: under `workspace-ro` nothing is changed. Else they have
    their own. What they change `session.undo()` takes back.

    Args:
        write: offer those that change files.
        profile: of those that change files; `workspace` by default, which a table narrows. Given,
            it holds whatever the session's is.
        approve: see `toolrun.tool`, of those that change files. By default they ask wherever they
            can change something.
        timeout: seconds that a call may take: it also bounds what a pattern may cost.
        max_output: bytes of a result that the model reads.

    Raises:
        ToolDefinitionError, ConfigError: an option is none that can be.
    """
    make = partial(_tool, timeout=timeout, max_output=max_output)
    reads = Need(_READS, yields=True)
    room = max(max_output - _HEAD, 1)
    tools = [
        make(READ, InBox("reading:read", reads, more={"room": room}), approve=False),
        make(LIST, InBox("finding:list_files", reads), approve=False),
        make(SEARCH, InBox("finding:search_files", reads), approve=False),
    ]
    if write:
        need = writing_need(_WRITES, profile)
        work = InBox("writing:apply", need, named=True)
        tools += [make(name, work, approve=approve) for name in _CHANGING]
    return Toolset(tuple(tools))


def writing_need(own: str, profile: Chosen | None) -> Need:
    """The sandbox of a tool that may change the workspace.

    Args:
        own: the name of the profile that it has where the session's shows no workspace.
        profile: what was given for it; None: nothing.
    """
    from toolrun.sandbox.resolve import over

    return Need(own, yields=True) if profile is None else Need(over(own, profile))


def _tool(
    name: str,
    work: InBox,
    *,
    approve: bool | Callable[[dict[str, Any]], bool] | None,
    timeout: float,
    max_output: int,
) -> Tool:
    description, properties, required = _SAID[name]
    options = Options(
        name=name,
        timeout=timeout,
        profile=work.needs[0].profile,
        approve=True if approve is None else approve,
        max_output=max_output,
    )
    check_options(name, options)
    return Tool(
        name=name,
        description=description,
        parameters={
            "type": "object",
            "properties": properties,
            "required": list(required),
            "additionalProperties": False,
        },
        options=options,
        function=not_called,
        build=dict,
        source=None,
        work=work,
        asks_to_change=approve is None,
        bare=("patch", BEGIN) if name == PATCH else None,
    )
