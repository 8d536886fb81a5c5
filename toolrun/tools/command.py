"""How do the arguments of a call become the command line of a program?

By a template: a list of words, never a shell's string. A word is text with placeholders, `{path}`,
that name parameters (`{{` and `}}` are braces):

- A placeholder that is a whole word stands for its value; for an array, for a word of each item;
  for nothing where the value is missing or null.
- A placeholder inside a word stands for its value as text; objects and arrays as JSON.
- A list of words is there as a whole or not at all: not if one of its placeholders has no value,
  or is false. A true that is a whole word adds nothing: `["--all", "{all}"]` is a flag.

A value must not become an option: a word that begins with a placeholder must not begin with "-",
unless the word "--" stands before it or the author allows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

_PIECES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
MAX_ITEMS = 4096


class Refused(ValueError):
    """These arguments make no command line; the text is for the model."""


class Name(Struct, frozen=True):
    """A placeholder."""

    name: str


class Word(Struct, frozen=True):
    """A word of a template: text and placeholders, in order."""

    pieces: tuple[str | Name, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that it takes."""
        return tuple(piece.name for piece in self.pieces if isinstance(piece, Name))

    @property
    def whole(self) -> str | None:
        """The parameter that it is as a whole."""
        return self.names[0] if len(self.pieces) == 1 and self.names else None


class Group(Struct, frozen=True):
    """Words that are there as a whole or not at all."""

    words: tuple[Word, ...]


class Command(Struct, frozen=True):
    """A program with the template of its arguments.

    Attributes:
        words: the program, and what follows it.
        stdin: what it reads; nothing by default.
        dashes: the parameters whose values may begin with "-".
        defaults: the values of parameters that a call leaves out.
    """

    words: tuple[Word | Group, ...]
    stdin: Word | None
    dashes: frozenset[str]
    defaults: Mapping[str, Any]

    def argv(self, arguments: Mapping[str, Any]) -> list[str]:
        """The command line of a call.

        Raises:
            Refused: a value could be taken for an option, or cannot stand in a command line.
        """
        values = {**self.defaults, **arguments}
        argv: list[str] = []
        ended = False
        for word in self._chosen(values):
            self._add(argv, word, values, ended=ended)
            # The author's own, not a value that looks like it.
            ended = ended or word.pieces == ("--",)
        return argv

    def _chosen(self, values: Mapping[str, Any]) -> Iterator[Word]:
        """The words that these values leave standing."""
        for each in self.words:
            if isinstance(each, Word):
                yield each
            elif all(_stands(values, name) for word in each.words for name in word.names):
                for word in each.words:
                    if word.whole is None or values[word.whole] is not True:
                        yield word

    def input(self, arguments: Mapping[str, Any]) -> bytes:
        """What the program reads."""
        if self.stdin is None:
            return b""
        return _joined(self.stdin, {**self.defaults, **arguments}).encode("utf-8", "replace")

    def _add(self, argv: list[str], word: Word, values: Mapping[str, Any], *, ended: bool) -> None:
        value = values.get(word.whole) if word.whole is not None else None
        if word.whole is None:
            made = [_joined(word, values)]
        elif value is None:
            made = []
        elif isinstance(value, list):
            made = [_text(item) for item in value]
        else:
            made = [_text(value)]
        if len(argv) + len(made) > MAX_ITEMS:
            raise Refused(f"{word.whole} has {len(made)} items; at most {MAX_ITEMS} words fit")
        for text in made:
            self._check(text, word, ended=ended)
            argv.append(text)

    def _check(self, text: str, word: Word, *, ended: bool) -> None:
        if not word.names:
            return
        if "\0" in text:
            raise Refused(f"{word.names[0]} has a NUL character, which no command line can hold")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Refused(f"{word.names[0]} is not valid Unicode") from None
        begins = isinstance(word.pieces[0], Name)
        allowed = ended or self.dashes.issuperset(word.names)
        if begins and text.startswith("-") and not allowed:
            raise Refused(
                f"{word.names[0]} must not begin with '-': {text[:100]!r} could be taken for an "
                "option. If it is a path, write ./ before it"
            )


def parse_word(text: str) -> Word:
    """A word of a template.

    Raises:
        ValueError: a brace alone; the message says how to write one.
    """
    pieces: list[str | Name] = []
    at = 0
    for match in _PIECES.finditer(text):
        _append(pieces, text[at : match.start()])
        at = match.end()
        if match[0] in ("{{", "}}"):
            _append(pieces, match[0][0])
        elif match[1]:
            pieces.append(Name(match[1]))
        else:
            raise ValueError(
                f"{text!r} has a {match[0]} that is no placeholder; a brace is written twice"
            )
    _append(pieces, text[at:])
    return Word(tuple(pieces))


def parse_words(template: Sequence[Any]) -> tuple[Word | Group, ...]:
    """A template: strings, and lists of strings.

    Raises:
        ValueError: a brace alone.
    """
    return tuple(
        parse_word(each) if isinstance(each, str) else Group(tuple(map(parse_word, each)))
        for each in template
    )


def _append(pieces: list[str | Name], text: str) -> None:
    if text and pieces and isinstance(last := pieces[-1], str):
        pieces[-1] = last + text
    elif text:
        pieces.append(text)


def _stands(values: Mapping[str, Any], name: str) -> bool:
    return values.get(name) is not None and values[name] is not False


def _joined(word: Word, values: Mapping[str, Any]) -> str:
    return "".join(
        piece if isinstance(piece, str) else _text(values.get(piece.name)) for piece in word.pieces
    )


def _text(value: Any) -> str:
    """A value as a word: text as it is, nothing as nothing, all else as JSON writes it."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()
