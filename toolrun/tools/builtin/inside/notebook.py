r"""How does an interpreter in a box run one piece of code after another? As a notebook does.

Runs in the box, as a script of its own (`python -c`); standard library only. What it is given and
what it prints goes through its standard input and output: `LENGTH MARK\n` and so many bytes of code
in, what the code prints and then `\x1eMARK 1\x1e` out, 0 in the place of 1 where the code failed.
The code can forge that: it would only deceive the session that wrote it.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import linecache
import os
import sys
import traceback
import types

# `typing` takes as long to import as the interpreter to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main() -> None:
    """Run what comes until nothing more does."""
    sys.path += sys.argv[1:]
    sys.argv[:] = [""]
    own = os.getpid()
    requests = os.fdopen(os.dup(0), "rb")
    told = os.dup(1)
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(1, 2)
    module = types.ModuleType("__main__")
    module.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = module
    number = 0
    while head := requests.readline():
        number += 1
        length, mark = head.decode().split()
        ok = run(requests.read(int(length)).decode(), f"<call {number}>", module.__dict__)
        if os.getpid() != own:  # a child that the code forked has come here
            os._exit(0)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # closed, or no stream: the code's own doing
                stream.flush()
        os.write(told, f"\x1e{mark} {int(ok)}\x1e".encode())


def run(code: str, name: str, names: dict[str, Any]) -> bool:
    """Run one piece; the value of a last line that is an expression is printed."""
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    try:
        tree = ast.parse(code, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), names)  # noqa: S102 - what the box is for
        if last is not None:
            assert isinstance(last, ast.Expr)
            value = eval(compile(ast.Expression(last.value), name, "eval"), names)  # noqa: S307 - what the box is for
            if value is not None:
                names["_"] = value
                print(repr(value))  # noqa: T201 - what it is for
    except BaseException as error:  # noqa: BLE001 - whatever the code raises is its result
        _tell(error)
        return False
    return True


def _tell(error: BaseException) -> None:
    """Print a traceback from the code's own first line on."""
    seen = error.__traceback__
    while seen is not None and not seen.tb_frame.f_code.co_filename.startswith("<call "):
        seen = seen.tb_next
    text = "".join(traceback.format_exception(type(error), error, seen))
    try:
        sys.stdout.flush()
        sys.stdout.write(text)
    except Exception:  # noqa: BLE001 - the code has closed or replaced it
        os.write(1, text.encode(errors="replace"))


if __name__ == "__main__":
    main()
