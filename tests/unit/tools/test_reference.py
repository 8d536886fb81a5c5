"""Is a function that a manifest names found where it is, and nowhere else?"""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from toolrun import ConfigError
from toolrun.tools.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nothing_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def reference(folder: Path, module: str, qualname: str = "f") -> Reference:
    return Reference(folder, module, qualname, "here: ")


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def test_a_module_stands_in_the_folder_or_is_a_package_there(tmp_path: Path) -> None:
    file = written(tmp_path, "one_module.py", "def f(): ...\n")
    package = written(tmp_path, "one_package/__init__.py", "def f(): ...\n")
    inner = written(tmp_path, "one_package/inner.py", "def f(): ...\n")

    assert reference(tmp_path, "one_module").file() == file
    assert reference(tmp_path, "one_package").file() == package
    assert reference(tmp_path, "one_package.inner").file() == inner
    assert reference(tmp_path, "one_package.inner").imported().__module__ == "one_package.inner"


def test_else_it_comes_from_where_python_imports_from(tmp_path: Path) -> None:
    assert str(reference(tmp_path, "json", "loads").file()) == json.__file__
    assert reference(tmp_path, "json", "loads").imported() is json.loads
    assert str(tmp_path) not in sys.path


def test_the_folder_is_put_at_the_end_of_the_path_once(tmp_path: Path) -> None:
    written(tmp_path, "once_a.py", "def f(): ...\n")
    written(tmp_path, "once_b.py", "def f(): ...\n")
    before = [*sys.path]
    reference(tmp_path, "once_a").imported()
    reference(tmp_path, "once_b").imported()

    assert sys.path == [*before, str(tmp_path)]


def test_a_method_is_named_with_its_class(tmp_path: Path) -> None:
    written(
        tmp_path, "of_class.py", "class Box:\n    class In:\n        def f(): ...\n        g = 1\n"
    )

    assert reference(tmp_path, "of_class", "Box.In.f").imported().__qualname__ == "Box.In.f"
    with pytest.raises(ConfigError, match=r"^here: of_class has no 'ff'; did you mean 'f'\?$"):
        reference(tmp_path, "of_class", "Box.In.ff").imported()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("serch", r"has no 'serch'; did you mean 'search'\?$"),
        ("private", r"has no 'private'$"),
        ("quite_another", r"has no 'quite_another'$"),
    ],
)
def test_a_name_that_is_near_is_offered_unless_it_is_private(
    tmp_path: Path, name: str, said: str
) -> None:
    written(tmp_path, "near.py", "def search(): ...\ndef searches(): ...\ndef _private(): ...\n")
    with pytest.raises(ConfigError, match=said):
        reference(tmp_path, "near", name).imported()
    with pytest.raises(ConfigError, match=said):
        reference(tmp_path, "near", name).file()


NAMES = """
import os.path
import json as other
from sys import argv, path as there
async def waits(): ...
class Kind: ...
first = second = 1
third: int = 3
if first:
    fourth, (fifth, *rest) = 4, (5, 6)
"""


def test_all_names_of_a_file_are_known_without_running_it(tmp_path: Path) -> None:
    written(tmp_path, "names.py", NAMES)
    found = [
        *("os", "other", "argv", "there", "waits", "Kind"),
        *("first", "second", "third", "fourth", "fifth", "rest"),
    ]
    for name in found:
        assert reference(tmp_path, "names", f"{name}.any").file() == tmp_path / "names.py"
    for name in ("path", "json", "sys", "int"):
        with pytest.raises(ConfigError, match=f"here: names has no '{name}'"):
            reference(tmp_path, "names", name).file()


def test_where_not_all_names_are_known_any_is_taken(tmp_path: Path) -> None:
    file = written(tmp_path, "starred.py", "from os import *\ndef g(): ...\n")

    assert reference(tmp_path, "starred", "getcwd").file() == file


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("no_such", "there is no module 'no_such' in {0}, nor where Python imports from"),
        ("not_there.inner", "there is no module 'not_there.inner': No module named 'not_there'"),
        ("specless", "there is no module 'specless': specless.__spec__ is None"),
        ("sys", "sys has no .py file"),
        ("spoilt", "{0}/spoilt.py is not Python: invalid syntax (<unknown>, line 1)"),
    ],
)
def test_what_is_no_module_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, said: str
) -> None:
    monkeypatch.setitem(sys.modules, "specless", ModuleType("specless"))
    written(tmp_path, "spoilt.py", "def def\n")
    with pytest.raises(ConfigError) as raised:
        reference(tmp_path, module).file()

    assert str(raised.value) == f"here: {said.format(tmp_path)}"
