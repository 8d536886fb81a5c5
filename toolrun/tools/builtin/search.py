"""What finds pages for the browser? Anything with these few methods; two ship."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import msgspec
from msgspec import Struct

from toolrun.tools.builtin.pages import CannotBrowse, Page
from toolrun.tools.listener import heard_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.tools.work import Need, Serving

_INSIDE: Final = "toolrun.tools.builtin.inside"


class Hit(Struct, frozen=True):
    """One thing that was found; `url` is what opening it reads.

    Attributes:
        title: what the model reads of it.
        text: an excerpt.
    """

    title: str
    url: str
    text: str = ""


class Search(Protocol):
    """Finds pages. It runs in this process, as a trusted tool does.

    Attributes:
        source: what it searches, as the model is told ("web").
        needs: the sandboxes that it uses; none for one that asks a service by itself.
    """

    @property
    def source(self) -> str:
        """See above."""
        ...

    @property
    def needs(self) -> Sequence[Need]:
        """See above."""
        ...

    async def search(self, query: str, topn: int, serving: Serving) -> Sequence[Hit]:
        """What fits best, best first.

        Args:
            query: the model's words.
            topn: how many at most.
            serving: the call that it is for.

        Raises:
            Exception: nothing could be searched; the model reads its text.
        """
        ...


@runtime_checkable
class Library(Protocol):
    """A `Search` whose hits are no pages of the web: it reads them itself.

    Attributes:
        scheme: begins their URLs ("folder:").
    """

    @property
    def scheme(self) -> str:
        """See above."""
        ...

    async def read(self, url: str, source: bool, serving: Serving) -> Page:  # noqa: FBT001 - a protocol
        """A page of its own.

        Args:
            url: begins with `scheme`.
            source: as it is, with its markup.
            serving: the call that it is for.

        Raises:
            CannotBrowse: there is none.
        """
        ...


async def boxed(
    serving: Serving, need: Need, function: str, arguments: dict[str, Any]
) -> dict[str, Any]:
    """Call a function of `toolrun.tools.builtin.inside` in a box: "web:fetch".

    Raises:
        CannotBrowse: it gave no result, or says why there is none.
        SandboxUnavailable: nothing was run.
    """
    sandbox = await serving.sandbox(need)
    outcome = await sandbox.call(
        f"{_INSIDE}.{function}",
        arguments,
        timeout=serving.tool.options.timeout,
        tenant=serving.tenant,
        **heard_by(serving.listener),
    )
    if outcome.value is None:
        raise CannotBrowse(f"reading it gave no result: {outcome.error}")
    said: dict[str, Any] = msgspec.json.decode(outcome.value)
    if "error" in said:
        raise CannotBrowse(str(said["error"]))
    return said


def page_from(said: dict[str, Any]) -> Page:
    """A page as a box gives it; what it says is a stranger's, and its form is looked at.

    Raises:
        CannotBrowse: it is none.
    """
    try:
        told = msgspec.convert(said, _Told)
    except msgspec.ValidationError as error:
        raise CannotBrowse(f"what was read is no page: {error}") from error
    url = "".join(told.url.split())
    title = " ".join(told.title.split())[:200] or url.partition("//")[2].partition("/")[0] or url
    return Page(url, title, tuple(told.text.split("\n")), tuple(told.links))


def hits_from(said: dict[str, Any]) -> list[Hit]:
    """Hits as a box gives them.

    Raises:
        CannotBrowse: they are none.
    """
    try:
        return msgspec.convert(said.get("hits"), list[Hit])
    except msgspec.ValidationError as error:
        raise CannotBrowse(f"what was found is no list of hits: {error}") from error


class _Told(Struct, frozen=True):
    url: str
    title: str
    text: str
    links: list[str]
