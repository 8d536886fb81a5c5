"""What does one job do inside the box? Its limits first, then the tool's function, then its frames.

Runs in a process of its own, forked by the worker (`shim`). Standard library only, and little of
it: every import here is paid by a call. Sent compiled, so nothing is looked up in the box.
"""

from __future__ import annotations

import os
import sys

# `typing` takes as long to import as the interpreter to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

_STARTED, _TEXT, _JSON, _ERROR, _TRACEBACK, _END = b"S", b"T", b"J", b"E", b"L", b"."
_PROGRESS = b"P"
_MESSAGE_CHARACTERS = 4_096
_TRACEBACK_CHARACTERS = 16_384
_PARTS: dict[str, dict[str, Any]] = {}


def run(boot: dict[str, Any], job: dict[str, Any], result: int) -> None:
    """Run a job and leave the process; never returns.

    Args:
        boot: what the box was started with.
        job: the call: "env" and "argv", "code", or "qualname" with "arguments" and "objects".
        result: descriptor of the pipe for the result's frames.
    """
    limit(boot["limits"])
    _send(result, _STARTED, b"")
    os.environ.update(job["env"])
    if "argv" in job:
        _execute(job["argv"])
    if "code" in job:
        _script(boot, job["code"], result)
    try:
        function = resolve(boot, job["qualname"])
        frames = [_encode(_call(function, boot, job, result), boot)]
    except BaseException as error:  # noqa: BLE001 - whatever a tool raises is its result
        frames = _describe(error)
    _leave(result, frames)


def limit(limits: dict[str, int]) -> None:
    """Set limits of resources, by the names that the module `resource` has for them."""
    import resource

    for name, value in limits.items():
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        infinite = hard == resource.RLIM_INFINITY
        bound = value if infinite else min(value, hard)
        # A second more for the hard limit of CPU time: SIGXCPU says why, SIGKILL does not.
        grace = 1 if name == "RLIMIT_CPU" and (infinite or bound < hard) else 0
        resource.setrlimit(number, (bound, bound + grace))


def _execute(argv: list[str]) -> None:
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - a program of the caller's, in the box
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def _script(boot: dict[str, Any], code: str, result: int) -> None:
    """Run Python code as a script; the exit status is that which the interpreter would give."""
    _paths(boot)
    os.close(result)
    names = sys.modules["__main__"].__dict__
    names.clear()
    names.update(__name__="__main__", __builtins__=__builtins__)
    sys.argv[:] = ["<code>"]
    status = 0
    try:
        exec(compile(code, "<code>", "exec"), names)  # noqa: S102 - what the box is for
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(end.code + "\n")
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:  # noqa: BLE001 - as the interpreter would end
        sys.stderr.write(_traceback(error))
        status = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001 - closed, or nobody reads
            status = status or 1
    os._exit(status & 0xFF)


def load(boot: dict[str, Any]) -> Any:
    """The tool's module, imported once."""
    _paths(boot)
    return _module(boot["module"], boot["file"], by_name=boot["by_name"])


def _paths(boot: dict[str, Any]) -> None:
    sys.path[:0] = boot["first"]
    sys.path += boot["path"]
    boot["first"] = boot["path"] = ()


def resolve(boot: dict[str, Any], qualname: str) -> Callable[..., Any]:
    """The tool's function."""
    found: Any = load(boot)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]  # by its name


def _module(name: str, file: str, *, by_name: bool) -> Any:
    if by_name and "." in name:
        __import__(name)
        return sys.modules[name]
    # As multiprocessing does it: what only runs as a script must not run when imported again.
    name = "__mp_main__" if name == "__main__" else name
    if name in sys.modules:
        return sys.modules[name]
    # From its file: the finders of `sys.path` take as long as all the rest of a short module.
    loader = sys.modules["_frozen_importlib_external"].SourceFileLoader(name, file)
    spec = sys.modules["_frozen_importlib_external"].spec_from_file_location(
        name, file, loader=loader
    )
    module = sys.modules["_frozen_importlib"].module_from_spec(spec)
    sys.modules[name] = module
    if name == "__mp_main__":
        sys.modules["__main__"] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return sys.modules[name]


def _call(
    function: Callable[..., Any], boot: dict[str, Any], job: dict[str, Any], result: int
) -> Any:
    # `getattr`: a callable object has no annotations of its own.
    arguments = job["arguments"]
    if getattr(function, "__annotations__", None):
        build = part(boot, "build_code", "build_arguments")
        arguments = build(function, arguments)
    for name, (module, kind, attributes) in job["objects"].items():
        __import__(module)
        arguments = {**arguments, name: getattr(sys.modules[module], kind)(**attributes)}
    returned = function(**arguments)
    if hasattr(returned, "__await__"):
        import asyncio

        returned = asyncio.run(_await(returned))
    if hasattr(returned, "__anext__") and hasattr(returned, "aclose"):
        import asyncio

        return asyncio.run(_stream(returned, boot, result))
    if hasattr(returned, "gi_frame"):
        return _drain(returned, boot, result)
    return returned


async def _await(awaitable: Any) -> Any:
    return await awaitable


async def _stream(generator: Any, boot: dict[str, Any], result: int) -> Any:
    value: Any = None
    async for value in generator:
        _send(result, _PROGRESS, _encode(value, boot)[1])
    return value


def _drain(generator: Any, boot: dict[str, Any], result: int) -> Any:
    """What a generator returns, else the last value that it yields."""
    last: Any = None
    while True:
        try:
            last = next(generator)
        except StopIteration as end:
            return last if end.value is None else end.value
        _send(result, _PROGRESS, _encode(last, boot)[1])


def _encode(value: Any, boot: dict[str, Any]) -> tuple[bytes, bytes]:
    if type(value) is str:
        return _TEXT, value.encode(errors="replace")
    return _JSON, part(boot, "values_code", "encode")(value)


def part(boot: dict[str, Any], key: str, name: str) -> Any:
    """A function of another piece of the code that was sent along."""
    if key not in _PARTS:
        import marshal

        code: CodeType = marshal.loads(boot[key])  # noqa: S302 - bytes that the parent compiled
        _PARTS[key] = {"__name__": f"toolrun.sandbox.inside.{key}"}
        exec(code, _PARTS[key])  # noqa: S102 - as above
    return _PARTS[key][name]


def _describe(error: BaseException) -> list[tuple[bytes, bytes]]:
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - a hostile __str__
        message = "(its message cannot be shown)"
    kind = type(error).__name__
    text = f"{kind}: {message}" if message else kind
    return [
        (_ERROR, text[:_MESSAGE_CHARACTERS].encode(errors="replace")),
        (_TRACEBACK, _traceback(error)[-_TRACEBACK_CHARACTERS:].encode(errors="replace")),
    ]


def _traceback(error: BaseException) -> str:
    try:
        import traceback

        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_globals.get("__name__", "").startswith(
            "toolrun.sandbox."
        ):
            frames = frames.tb_next
        return "".join(traceback.format_exception(type(error), error, frames))
    except BaseException:  # noqa: BLE001 - out of memory, or of stack: the type has to do
        return ""


def _leave(result: int, frames: list[tuple[bytes, bytes]]) -> None:
    for stream in (sys.stdout, sys.stderr):
        try:  # noqa: SIM105 - contextlib would be an import more
            stream.flush()
        except Exception:  # noqa: BLE001, S110 - no contextlib here; the tool closed it: nothing is lost
            pass
    for kind, payload in frames:
        _send(result, kind, payload)
    _send(result, _END, b"")
    # No finalization: it takes milliseconds, and threads of the tool could hang it.
    os._exit(0)


def _send(result: int, kind: bytes, payload: bytes) -> None:
    view = memoryview(kind + len(payload).to_bytes(4, "big") + payload)
    while view:
        view = view[os.write(result, view) :]
