"""How does a person decide on the calls that wait?

Only what was meant decides: an empty line and a slip of the keys are asked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from toolrun.cli.chat.alike import pattern_of, rule_of
from toolrun.cli.chat.face import Choice, Question
from toolrun.cli.chat.waiting import blocks_of, cut
from toolrun.cli.places import place_of
from toolrun.cli.screen import NOTE, WARNING
from toolrun.decisions import Approve, Deny, Edit
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.cli.about import ToolLine
    from toolrun.cli.chat.face import Face
    from toolrun.cli.log import Mask
    from toolrun.config import Config
    from toolrun.decisions import Decision
    from toolrun.events import ApprovalRequested
    from toolrun.session import Session

_SLIP: Final = 3
"""Characters of a word up to which it is a slip of the keys, and no reason."""
_ONE_LINE: Final = 200
"""Characters of arguments that can be changed on a line; longer ones are in the editor."""


class Deciding(Protocol):
    """Where calls wait."""

    @property
    def face(self) -> Face:
        """Where the person is."""
        ...

    @property
    def session(self) -> Session:
        """Whose calls they are."""
        ...

    @property
    def config(self) -> Config:
        """Its settings."""
        ...

    @property
    def tools(self) -> Sequence[ToolLine]:
        """What is known of its tools."""
        ...

    @property
    def mask(self) -> Mask:
        """Hides secrets in what is shown."""
        ...


async def decides(talk: Deciding, pending: Sequence[ApprovalRequested]) -> bool:
    """Ask about each call that waits; False where one is left undecided.

    Args:
        talk: where they wait.
        pending: the calls, in order.
    """
    if not talk.face.asks:
        talk.face.say(f"{len(pending)} waiting for a decision, and nobody is here to be asked")
        return False
    for number, request in enumerate(pending):
        state = talk.session.state
        # What was said before holds for a call, not for making one again that may have happened.
        again = request.call_id in state.started
        if not again and state.approves(request.name, request.arguments):
            talk.face.say(f"{request.name}: approved by what you said before")
            await talk.session.decide(request.call_id, Approve())
        elif not await _Asked(talk, request, pending[number + 1 :]).decided():
            return False
        elif not talk.session.state.pending:  # all the others were denied along with it
            return True
    return True


class _Asked:
    """One call that waits, and a person who is asked about it.

    Args:
        talk: where.
        request: for the decision.
        others: those that wait, too, and come later.
    """

    def __init__(
        self, talk: Deciding, request: ApprovalRequested, others: Sequence[ApprovalRequested]
    ) -> None:
        self._talk = talk
        self._face = talk.face
        self._request = request
        self._others = others
        self._tool = next((each for each in talk.tools if each.name == request.name), None)

    async def decided(self) -> bool:
        """Show the call and ask until the session takes what was said; False where nothing was."""
        whole = self._shown()
        question = Question(f"run {self._request.name}?", self._choices(whole=whole))
        while True:
            said = await self._face.ask(question)
            if said is None:
                return False
            try:
                if await self._did(said.strip()):
                    return True
            except ConfigError as error:
                self._face.say(self._talk.mask.text(str(error)), WARNING)

    def _shown(self, *, whole: bool = False) -> bool:
        """Show the call; whether that is all of it."""
        request, talk = self._request, self._talk
        style, place = place_of(self._tool, _called(talk.config))
        count = f" (1 of {len(self._others) + 1} that wait)" if self._others else ""
        talk.face.say(f"{request.name} would run {place}{count}", style)
        if request.reason != f"{request.name} asks for approval":
            talk.face.say(request.reason, NOTE)
        complete = True
        for block in blocks_of(request, self._tool, talk.config.workspace):
            shown, missing = (block, 0) if whole else cut(block)
            talk.face.put(shown)
            if missing:
                complete = False
                lines = f"{missing:,} more line{'s' if missing > 1 else ''}"
                talk.face.say(f"... {lines}: w shows all", NOTE)
        return complete

    def _choices(self, *, whole: bool) -> tuple[Choice, ...]:
        name = self._request.name
        choices = [
            Choice("y", "yes", "run it once"),
            Choice("a", "always", f"run it, and every call of {name} in this session"),
            Choice("p", "pattern", "run it, and calls like it: you say which"),
            Choice("e", "edit", "change the arguments first"),
            Choice("n", "no", "deny it"),
            Choice("r", "reason", "deny it and say why; or just type the reason"),
        ]
        if self._others:
            choices.append(Choice("d", "deny all", f"and the {len(self._others)} others, too"))
        if not whole:
            choices.append(Choice("w", "whole", "show all of it"))
        return tuple(choices)

    async def _did(self, said: str) -> bool:
        """Whether something was decided.

        Raises:
            ConfigError: the session does not take it.
        """
        match said:
            case "":
                return False
            case "whole":
                self._shown(whole=True)
                return False
            case "edit":
                return await self._edited()
            case "pattern":
                return await self._patterned()
        decision = await self._decision(said)
        if decision is None:
            return False
        others = self._others if said == "deny all" else ()
        for each in (self._request, *others):
            await self._talk.session.decide(each.call_id, decision)
        return True

    async def _decision(self, said: str) -> Decision | None:
        match said:
            case "yes":
                return Approve()
            case "always":
                return Approve("session")
            case "no" | "deny all":
                return Deny()
            case "reason":
                reason = await self._face.ask(Question("what shall the model be told?"))
                return Deny(reason.strip()) if reason and reason.strip() else None
        if len(said) <= _SLIP:
            self._face.say(f"{said!r} decides nothing; type a letter of the list", WARNING)
            return None
        return Deny(said)

    async def _patterned(self) -> bool:
        """Approve this call and those like it, once the person has seen which; else False."""
        request = self._request
        widely = self._tool is not None and self._tool.profile is not None
        text = _line(pattern_of(request.arguments, widely=widely))
        while True:
            question = Question(f"{request.name} with (* is any text)", default=text)
            said = await self._face.ask(question)
            if said is None or not said.strip():
                return False
            text = said
            try:
                rule = rule_of(text, request.name, request.arguments)
                await self._talk.session.decide(request.call_id, Approve(rule))
            except ConfigError as error:
                self._face.say(self._talk.mask.text(str(error)), WARNING)
                continue
            return True

    async def _edited(self) -> bool:
        """Run the call with what the person makes of its arguments; False where that is nothing."""
        editing = _Editing(self._request.arguments)
        text = editing.text
        while True:
            changed = await self._changed(text, editing)
            if changed is None or not changed.strip():
                self._face.say("the arguments are as they were")
                return False
            text = changed
            try:
                edit = Edit(editing.arguments(text))
                await self._talk.session.decide(self._request.call_id, edit)
            except ConfigError as error:
                self._face.say(self._talk.mask.text(str(error)), WARNING)
                continue
            return True

    async def _changed(self, text: str, editing: _Editing) -> str | None:
        if "\n" in text or len(text) > _ONE_LINE:
            return await self._face.edit(text, editing.suffix)
        return await self._face.ask(Question("arguments:", default=text))


class _Editing:
    """The arguments of a call as a text that can be changed.

    JSON; of a call whose only argument is a text of several lines, such as a program, that text.
    """

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._only = ""
        self.suffix = ".json"
        self.text = _line(arguments)
        name, value = next(iter(arguments.items()), ("", None))
        if len(arguments) == 1 and isinstance(value, str) and "\n" in value:
            self._only, self.text = name, value
            self.suffix = ".py" if name == "code" else ".txt"
        elif len(self.text) > _ONE_LINE:
            self.text = msgspec.json.format(self.text, indent=2)

    def arguments(self, text: str) -> dict[str, Any]:
        """What a text means.

        Raises:
            ConfigError: it is no JSON object.
        """
        if self._only:
            return {self._only: text}
        try:
            return msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise ConfigError(f"the arguments are no JSON object: {error}") from error


def _line(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()


def _called(config: Config) -> str:
    from toolrun.sandbox.resolve import label

    return label(config.profile)
