"""Which answer to a question is meant, and how does the question stand on the screen?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from toolrun.cli.screen import cut, visible

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples

    from toolrun.cli.chat.face import Question

Fragments: TypeAlias = "StyleAndTextTuples"
_ROOMY: Final = 16
"""Rows of a screen on which each choice has a line of its own."""


class Asking:
    """A question that is being asked.

    Attributes:
        question: which one.
        picked: the number of the choice that the arrow keys are on; None for none.
    """

    def __init__(self, question: Question) -> None:
        self.question = question
        self.picked: int | None = None

    def move(self, by: int) -> None:
        """Go to the next choice, or to the one before."""
        count = len(self.question.choices)
        if count:
            first = 0 if by > 0 else count - 1
            self.picked = first if self.picked is None else (self.picked + by) % count

    def answer(self, typed: str) -> str | None:
        """The word of the choice that is meant, or the text; None: nothing was said."""
        said = typed.strip()
        choices = self.question.choices
        if not choices:
            return typed
        if not said:
            return None if self.picked is None else choices[self.picked].word
        for each in choices:
            if said.lower() in (each.key.lower(), each.word.lower()):
                return each.word
        return said

    def fragments(self, columns: int, rows: int) -> Fragments:
        """How it looks on a screen of that size."""
        choices = self.question.choices
        text: Fragments = [("class:question", visible(self.question.text))]
        if rows >= _ROOMY:
            width = max((len(f"{each.key}  {each.word}") for each in choices), default=0)
            for number, each in enumerate(choices):
                words = f"  {each.key}  {each.word}".ljust(width + 2)
                line = cut(visible(f"{words}  {each.what}".rstrip()), columns - 1)
                style = "class:picked" if number == self.picked else "class:choice"
                text += [("", "\n"), (style, line)]
            return text
        if choices:
            text.append(("", "\n"))
        for number, each in enumerate(choices):
            style = "class:picked" if number == self.picked else "class:choice"
            text += [(style, visible(f"{each.key} {each.word}")), ("", "  ")]
        return text
