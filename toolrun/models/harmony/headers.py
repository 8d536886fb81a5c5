"""Whom does a sampled message speak to, and on which channel? Read from its header.

The harmony library reads headers; what it refuses or misreads and what has one meaning all the same
is read here: a recipient glued to a channel (vLLM #32587, #31677), a content type before the
recipient. What could mean two things is an error, and the step is sampled again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from toolrun.errors import MalformedOutput
from toolrun.models.harmony.guard import guarded
from toolrun.models.harmony.tokens import END, MESSAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.models.harmony.vocabulary import Encoding

CHANNELS = ("analysis", "commentary", "final")
_NOBODY = frozenset({"assistant", "user", "all"})
"""Whoever reads the message anyway: it is no call."""
_PREFIXES = ("functions.", "browser.")
_NAME = r"[A-Za-z0-9_.\-]+"
_RECIPIENT = re.compile(_NAME)
_PARTS = re.compile(
    rf"<\|channel\|>\s*(?P<channel>{'|'.join(CHANNELS)})"
    rf"|to=(?P<recipient>{_NAME})"
    r"|<\|constrain\|>\s*\w*|\bjson\b|\bcode\b|\s+"
)
_SHOWN = 200


class Header(Struct, frozen=True):
    """What a header says; `recipient` is None where the message is no call."""

    channel: str
    recipient: str | None = None


class Headers:
    """Reads the headers of one step, one after another.

    Args:
        encoding: of `vocabulary.load`.
    """

    def __init__(self, encoding: Encoding) -> None:
        import openai_harmony

        self._encoding = encoding
        self._new = openai_harmony.StreamableParser
        self._parser = self._new(encoding, openai_harmony.Role.ASSISTANT)

    def read(self, tokens: Sequence[int]) -> Header:
        """The header of a message.

        Args:
            tokens: up to `<|message|>`, which is none of them; from `<|start|>` on, but for the
                first message of a step, whose `<|start|>assistant` the prompt ends in.

        Raises:
            MalformedOutput: it says nothing, or could mean two things.
        """
        try:
            with guarded("harmony cannot read a header that the model wrote"):
                return self._by_library(tokens)
        except MalformedOutput as error:
            # It stands where no message can begin, or can no more be used.
            with guarded("harmony has no parser"):
                self._parser = self._new(self._encoding, None)
            text = self._text(tokens)
            if (header := _salvaged(text)) is None:
                raise MalformedOutput(f"{error}; it is {text[:_SHOWN]!r}", error.code) from error
            return header

    def _by_library(self, tokens: Sequence[int]) -> Header:
        parser = self._parser
        for token in tokens:
            parser.process(token)
        parser.process(MESSAGE)
        role, channel, recipient = (
            parser.current_role,
            parser.current_channel,
            parser.current_recipient,
        )
        parser.process(END)  # its text is read elsewhere: the library loses what it cannot decode
        header = _plausible(role.value, channel, recipient)
        # The library takes any word behind the channel for a recipient: `final json`.
        if header is not None and recipient is not None and not recipient.startswith(_PREFIXES):
            header = header if f"to={recipient}" in self._text(tokens) else None
        if header is None:
            raise ValueError(f"role {role.value}, channel {channel}, recipient {recipient}")
        return header

    def _text(self, tokens: Sequence[int]) -> str:
        with guarded("the model wrote a header of unknown tokens"):
            return str(self._encoding.decode(tokens))


def _plausible(role: str, channel: str | None, recipient: str | None) -> Header | None:
    """What the library read, if the model can have meant it."""
    if recipient is not None:
        if not _RECIPIENT.fullmatch(recipient) or recipient.endswith("."):
            return None
        if recipient in _NOBODY:
            recipient = None
        elif channel is None:
            channel = "commentary"
    if role != "assistant" or channel not in CHANNELS:
        return None
    return Header(channel, recipient)


def _salvaged(text: str) -> Header | None:
    """What a header says that has nothing in it but one channel and at most one recipient."""
    text = text.removeprefix("<|start|>").removeprefix("assistant")
    channels, recipients, at = set(), set(), 0
    while at < len(text):
        if (part := _PARTS.match(text, at)) is None:
            return None
        at = part.end()
        channels.add(part["channel"])
        recipients.add(part["recipient"])
    channels.discard(None)
    recipients.discard(None)
    if len(channels) != 1 or len(recipients) > 1:
        return None
    return _plausible("assistant", channels.pop(), recipients.pop() if recipients else None)
