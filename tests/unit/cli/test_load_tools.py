"""Are the tools of a file found, and is every way to miss them explained?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from toolrun.cli.load_tools import load_tools
from toolrun.config import load_config
from toolrun.errors import ConfigError
from toolrun.tools.definition import define

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLS = '''
from neighbour_of_tools import FACTOR
from toolrun import tool

@tool
def double(number: int) -> int:
    """Double a number."""
    return FACTOR * number

@tool(trusted=True)
def triple(number: int) -> int:
    return 3 * number

def unmarked(number: int) -> int:
    return number
'''


@pytest.fixture(autouse=True)
def _own_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "neighbour_of_tools.py").write_text("FACTOR = 2\n")
    path = tmp_path / "tools_of_a_test.py"
    path.write_text(TOOLS)
    return path


def loaded(*references: str) -> list[Any]:
    return list(load_tools(references))


def test_all_marked_functions_of_a_file(file: Path) -> None:
    tools = loaded(file.name)
    assert [tool.__name__ for tool in tools] == ["double", "triple"]
    assert tools[0](4) == 8
    source = define(tools[0]).source
    assert source is not None
    assert (source.file, source.module) == (str(file), "tools_of_a_test")


def test_one_by_name_marked_or_not_and_each_once(file: Path) -> None:
    tools = loaded(f"{file}:unmarked", f"{file.name}:double", file.name)
    assert [tool.__name__ for tool in tools] == ["unmarked", "double", "triple"]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("missing.py", "tools 'missing.py': there is no file missing.py"),
        ("tools_of_a_test", "give a Python file or a manifest, FILE.py, FILE.toml or FILE.json"),
        ("fiels", "tools 'fiels': did you mean 'files'? Else give a Python file"),
        ("builtin:shel", "did you mean 'shell'?"),
        ("zzz", "or what is built in: browser, files, python, shell"),
        ("tools_of_a_test.py:duoble", "no function 'duoble' in it; did you mean 'double'?"),
        ("tools_of_a_test.py:zzz", "no function 'zzz' in it; its tools are double, triple"),
        ("tools_of_a_test.py:FACTOR", "no function 'FACTOR' in it"),
        ("neighbour_of_tools.py", "no function in it is marked as a tool; write `@tool` above"),
    ],
)
def test_what_is_missing_is_named(file: Path, reference: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_tools([reference])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("broken_tools.py", "x = 1\ndef f(:\n", "broken_tools.py: line 2: SyntaxError: "),
        ("raising_tools.py", "\n\n1 / 0\n", "line 3: ZeroDivisionError: division by zero"),
        ("importing_tools.py", "import nowhere_at_all\n", "line 1: ModuleNotFoundError: No module"),
        ("my-tools.py", "", "'my-tools' cannot be a module's name; rename the file, such as my_to"),
        ("json.py", "", "a module 'json' is loaded already; rename the file"),
    ],
)
def test_what_cannot_be_imported_says_where(file: Path, name: str, text: str, message: str) -> None:
    import json  # noqa: F401 - the case's condition

    Path(name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_tools([name])
    assert message in str(caught.value)
    assert "broken_tools" not in sys.modules


MANIFEST = """
[[tools]]
name = "lines"
description = "Count the lines of a file."
command = ["wc", "-l", "--", "{path}"]
parameters = { type = "object", properties = { path = { type = "string" } }, required = ["path"] }

[[tools]]
name = "twice"
function = "tools_of_a_test:double"
"""


def test_the_tools_of_a_manifest_all_or_one(file: Path) -> None:
    (file.parent / "tools.toml").write_text(MANIFEST)
    assert [tool.name for tool in loaded("tools.toml")] == ["lines", "twice"]
    assert [tool.name for tool in loaded("tools.toml:twice")] == ["twice"]
    with pytest.raises(ConfigError, match=r"no tool 'twcie' in it; did you mean 'twice'\?"):
        load_tools(["tools.toml:twcie"])


FILES = ["read_file", "list_files", "search_files", "edit_file", "write_file", "apply_patch"]


def names(references: str, **settings: Any) -> list[str]:
    """The tools of a command line."""
    config = load_config(env={}, tools=[references], **settings)
    return [define(each).name for each in load_tools(config.tools, config)]


def test_what_ships_is_named_among_files_each_once(file: Path) -> None:
    assert names("python,shell, files,python,builtin:shell", workspace=file.parent) == [
        *("python", "shell"),
        *FILES,
    ]
    assert names(f"python,{file.name}:double") == ["python", "double"]


def test_a_settings_file_names_them_too(file: Path) -> None:
    folder = file.parent
    (folder / "sub").mkdir()
    (folder / "sub/toolrun.toml").write_text(
        'workspace = "."\ntools = ["python,../tools_of_a_test.py:double", "shell"]\n'
    )
    config = load_config(folder / "sub/toolrun.toml", env={})

    assert config.tools == ("python", f"{folder}/sub/../tools_of_a_test.py:double", "shell")
    assert [define(each).name for each in load_tools(config.tools, config)] == [
        "python",
        "double",
        "shell",
    ]
    assert load_config(env={"TOOLRUN_TOOLS": "files,shell"}).tools == ("files", "shell")


@pytest.mark.parametrize("name", ["files", "shell"])
def test_tools_for_a_folder_say_which_option_names_one(file: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"tools {name}: works on a folder.*--workspace \."):
        names(name)
    config = load_config(env={}, tools=[name])
    assert load_tools(config.tools, config, listing=True)


def test_the_browser_searches_the_workspace_or_opens_the_hosts_of_the_profile(file: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to browse: add --workspace DIR"):
        names("browser")
    assert names("browser", workspace=file.parent) == [
        "browser_search",
        "browser_open",
        "browser_find",
    ]
    (file.parent / "net.toml").write_text(
        'extends = "net"\nhosts = ["example.org:443"]\nwiden = ["hosts"]\n'
    )
    config = load_config(env={}, tools=["browser"], profile=str(file.parent / "net.toml"))
    opens = load_tools(config.tools, config)[0]
    assert "Hosts that may be opened: example.org:443." in define(opens).description
