"""What does the server keep, and what does it lose?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from toolrun.cli.chat.commands.changing import settings_now
from toolrun.cli.chat.commands.command import Command
from toolrun.cli.chat.commands.words import nothing_more
from toolrun.cli.chat.stopping import stoppable
from toolrun.cli.screen import BAD, GOOD, WARNING, Style
from toolrun.embedded import is_embedded

if TYPE_CHECKING:
    from toolrun.cli.chat.conversation import Conversation
    from toolrun.models.doctor import Check, Report, Verdict

_STYLES: Final[dict[Verdict, Style]] = {"green": GOOD, "yellow": WARNING, "red": BAD}


async def _doctor(talk: Conversation, rest: str) -> None:
    nothing_more(rest, "/doctor")
    for url in talk.config.base_urls:
        if is_embedded(url):
            await _examined_here(talk)
        elif not await stoppable(talk, lambda url=url: _examined(talk, url)):  # type: ignore[misc]  # a lambda with a default
            talk.face.say("stopped")
            return


async def _examined_here(talk: Conversation) -> None:
    from toolrun.models.doctor.embedded import examine_embedded

    report = await examine_embedded()
    for check in report.checks:
        talk.face.say(f"{check.name}: {check.saw}", _STYLES[check.verdict])
    talk.face.say(_summary(report), GOOD if report.works else BAD)


async def _examined(talk: Conversation, url: str) -> None:
    from toolrun.models.doctor import CHECKS, examine
    from toolrun.models.ways import Server

    config = talk.config
    told = 0

    def found(check: Check) -> None:
        nonlocal told
        told += 1
        text = f"{told} of {len(CHECKS)} {check.name}: {check.saw}"
        if check.fix is not None:
            text += f"\nfix: {check.fix}"
        talk.face.say(talk.mask.text(text), _STYLES[check.verdict])

    talk.face.say(talk.mask.text(f"checking {url}; Ctrl-C stops it"))
    server = Server(url, api_key=config.api_key, dialect=config.dialect)
    model = settings_now(talk).model
    report = await examine(server, model, extra_body=config.extra_body, on_check=found)
    talk.face.say(talk.mask.text(_summary(report)), GOOD if report.works else BAD)


def _summary(report: Report) -> str:
    verdicts = [check.verdict for check in report.checks]
    counts = [f"{verdicts.count(each)} {each}" for each in _STYLES if each in verdicts]
    where = "" if is_embedded(report.url) else f" at {report.url}"
    return f"{report.server}{where}: {', '.join(counts)}"


COMMANDS = (
    Command(
        name="/doctor",
        topic="Looking",
        summary="check the server: what it keeps, what it loses, what mends it",
        more="Each check takes a few tokens; none of them is part of the conversation.",
        examples=("/doctor",),
        run=_doctor,
    ),
)
