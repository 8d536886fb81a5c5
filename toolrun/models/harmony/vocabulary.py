"""Where do harmony's tokens come from, without a network?

openai-harmony downloads its vocabulary when it first encodes, and fails without a network; but it
reads `o200k_base.tiktoken` from the folder that `TIKTOKEN_ENCODINGS_BASE` names. That file is made
once from the package quicktok-v1, which carries the same vocabulary, and is kept below
`$XDG_CACHE_HOME/toolrun`. The fork oss-harmony (vLLM 0.31 and later) carries its own.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import tempfile
import threading
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio.to_thread

from toolrun.errors import ConfigError, MissingExtra
from toolrun.extras import need

if TYPE_CHECKING:
    from collections.abc import Iterator

Encoding: TypeAlias = Any
"""An `openai_harmony.HarmonyEncoding`; the package is optional."""

FILE = "o200k_base.tiktoken"
SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
"""Of the file, as tiktoken's own source names it."""
VARIABLE = "TIKTOKEN_ENCODINGS_BASE"
_NAME = "HarmonyGptOss"
_WHAT = "direct sampling (via='harmony')"
_ORDINARY_TOKENS = 199_998
_lock = threading.Lock()
_loaded: list[Encoding] = []


def load() -> Encoding:
    """The encoding of gpt-oss, loaded once per process; the first time takes up to two seconds.

    Raises:
        MissingExtra: no harmony library is installed, or none that has its vocabulary.
        ConfigError: two harmony libraries are installed, or the vocabulary is not the right one.
    """
    with _lock:
        if not _loaded:
            _loaded.append(_load())
        return _loaded[0]


async def load_beside() -> Encoding:
    """The same for an event loop, which is not blocked.

    Raises:
        MissingExtra, ConfigError: see `load`.
    """
    return _loaded[0] if _loaded else await anyio.to_thread.run_sync(load)


def check_installed() -> str:
    """Which harmony library is installed; nothing is imported.

    Raises:
        MissingExtra: none is.
        ConfigError: two are; they have one import name, and overwrite each other's files.
    """
    found = [name for name in ("openai-harmony", "oss-harmony") if _is_installed(name)]
    if len(found) > 1:
        raise ConfigError(
            "openai-harmony and oss-harmony are both installed, as one package openai_harmony: "
            "pip uninstall both, then install the one that your vLLM asks for (oss-harmony from "
            "0.31 on), or openai-harmony where there is no vLLM"
        )
    if not found:
        raise MissingExtra(
            f"{_WHAT} needs the package openai_harmony: pip install 'toolrun[harmony]'"
        )
    return found[0]


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _load() -> Encoding:
    name = check_installed()
    library = need("openai_harmony", "harmony", _WHAT)
    if name == "oss-harmony" or os.environ.get(VARIABLE):
        return _opened(library)
    with _named(_vocabulary()):
        return _opened(library)


def _opened(library: Any) -> Encoding:
    try:
        return library.load_harmony_encoding(_NAME)
    except library.HarmonyError as error:
        raise ConfigError(
            f"harmony cannot load its vocabulary: {error}. {VARIABLE} must name a folder that has "
            f"{FILE} (sha256 {SHA256}), or be unset"
        ) from error


@contextlib.contextmanager
def _named(folder: Path) -> Iterator[None]:
    """The environment as harmony reads it; only while it does, for others inherit it."""
    os.environ[VARIABLE] = str(folder)
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)


def _vocabulary() -> Path:
    """The folder that has the vocabulary; it is made where it is not there, or is damaged."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "toolrun" / "vocabulary"
    with contextlib.suppress(OSError):
        if hashlib.sha256((folder / FILE).read_bytes()).hexdigest() == SHA256:
            return folder
    body = _made()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / FILE, body)
    except OSError as error:
        raise ConfigError(
            f"the vocabulary cannot be kept in {folder}: {error}. Set XDG_CACHE_HOME to a folder "
            f"that can be written, or {VARIABLE} to one that has {FILE}"
        ) from error
    return folder


def _made() -> bytes:
    """The vocabulary as a tiktoken file: a line for each token, its bytes and its rank."""
    quicktok = need("quicktok", "harmony", "harmony's vocabulary, offline,")
    encoding = quicktok.get_encoding("o200k_base")
    body = b"".join(
        base64.b64encode(encoding.decode_single_token_bytes(rank)) + b" %d\n" % rank
        for rank in range(_ORDINARY_TOKENS)
    )
    if (found := hashlib.sha256(body).hexdigest()) != SHA256:
        raise ConfigError(
            f"the vocabulary of quicktok-v1 is not o200k_base: its sha256 is {found}, not {SHA256}"
        )
    return body


def _write(path: Path, body: bytes) -> None:
    """Write a file so that whoever reads it has all of it, whatever runs beside."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
