r"""Which texts would move, fool, question or break a terminal, and which bytes may reach one?

Each case has a form of its own, such as `\x1b[31337A` for a move of the cursor: what the program
itself writes is never that, so that a case that got through is told from the program's own frames.
"""

from __future__ import annotations

import re
from typing import Final

ESC, BEL, ST = "\x1b", "\x07", "\x1b\\"
CSI1, OSC1, DCS1, APC1, ST1 = "\x9b", "\x9d", "\x90", "\x9f", "\x9c"
"""The same in one character of the set C1."""

CASES: Final[dict[str, str]] = {
    # The window and what is outside of it.
    "title": f"{ESC}]0;pwn title{BEL}",
    "title, with ST": f"{ESC}]2;pwn title{ST}",
    "icon": f"{ESC}]1;pwn icon{BEL}",
    "title stack": f"{ESC}[22;0;66t",
    "screen title": f"{ESC}kpwn{ST}",
    "folder": f"{ESC}]7;file:///pwn{BEL}",
    "notification": f"{ESC}]9;pwn{BEL}",
    "notification of urxvt": f"{ESC}]777;notify;pwn;pwn{BEL}",
    "clipboard, written": f"{ESC}]52;c;cHdu{BEL}",
    "clipboard, read": f"{ESC}]52;c;?{BEL}",
    "link with another target": f"{ESC}]8;;http://pwn.example/{ST}good.example{ESC}]8;;{ST}",
    "prompt mark": f"{ESC}]133;A{BEL}",
    "file to download": f"{ESC}]1337;File=name=cHdu;inline=0:cHdu{BEL}",
    "printer": f"{ESC}[5;66i",
    "window, resized": f"{ESC}[8;5;5t",
    # What a terminal answers goes to the program as if it had been typed.
    "where is the cursor": f"{ESC}[?6;66n",
    "are you well": f"{ESC}[5;66n",
    "what are you": f"{ESC}[0;66c",
    "what are you, secondly": f"{ESC}[>0;66c",
    "the title, reported": f"{ESC}[21;66t",
    "DECRQSS": f'{ESC}P$q"p{ST}',
    "XTGETTCAP": f"{ESC}P+q544e{ST}",
    "the background's colour": f"{ESC}]11;?{BEL}",
    "ENQ": "\x05pwn\x05",
    # The screen.
    "cursor to a place": f"{ESC}[77;13H",
    "cursor up": f"{ESC}[31337A",
    "cursor to a column": f"{ESC}[66;73G",
    "cursor saved and put back": f"{ESC}7pwn{ESC}8",
    "screen erased": f"{ESC}[2;66J",
    "lines scrolled off erased": f"{ESC}[3;66J",
    "line erased": f"{ESC}[2;66K",
    "lines deleted": f"{ESC}[66M",
    "lines inserted": f"{ESC}[66L",
    "scrolled": f"{ESC}[66S",
    "scroll region": f"{ESC}[5;7r",
    "alternate screen": f"{ESC}[?1049;66h",
    "alternate screen, the old one": f"{ESC}[?47;66h",
    "reset": f"{ESC}c",
    "reset, softly": f"{ESC}[!p",
    "filled with E": f"{ESC}#8",
    "a character, repeated": f"A{ESC}[9999b",
    "inserting": f"{ESC}[4;66h",
    "reverse video": f"{ESC}[?5;66h",
    "no cursor": f"{ESC}[?25;66l",
    "concealed": f"{ESC}[8;66m",
    "carriage return": "safe\rpwn\r",
    "backspaces": "safe\b\b\b\bpwn",
    "vertical tab and form feed": "pwn\x0b\x0cpwn",
    "delete": "pwn\x7f\x7f",
    # Modes of keys, of pictures, of sets of characters.
    "synchronised output": f"{ESC}[?2026;66h",
    "pastes without brackets": f"{ESC}[?2004;66l",
    "the end of a paste": f"{ESC}[201~pwn",
    "mouse": f"{ESC}[?1003;1006;66h",
    "focus": f"{ESC}[?1004;66h",
    "keys of kitty": f"{ESC}[>1;66u",
    "keys of xterm": f"{ESC}[>4;2;66m",
    "keypad": f"{ESC}=pwn{ESC}>",
    "sixel": f"{ESC}Pq#0;2;0;0;0#0~~{ST}",
    "kitty's picture": f"{ESC}_Gi=31,a=T;cHdu{ST}",
    "DCS without an end": f"{ESC}P1;66|pwn",
    "through tmux": f"{ESC}Ptmux;{ESC}{ESC}]0;pwn{BEL}{ST}",
    "PM": f"{ESC}^pwn{ST}",
    "SOS": f"{ESC}Xpwn{ST}",
    "another set of characters": f"{ESC}(0lqqk{ESC}(B",
    "shift out, shift in": "\x0epwn\x0f",
    "no UTF-8": f"{ESC}%@pwn",
    # In other spellings.
    "CSI of C1": f"{CSI1}77;13H",
    "OSC of C1": f"{OSC1}0;pwn{ST1}",
    "DCS of C1": f'{DCS1}$q"p{ST1}',
    "APC of C1": f"{APC1}Gi=31;pwn{ST1}",
    "next line of C1": "pwn\x85pwn",
    "an escape before an escape": f"{ESC}{ESC}[66;66H",
    "controls of eight bits, from now on": f"{ESC} Gpwn",
    "a sequence across NUL": f"{ESC}\0[66;67H",
    "bells": BEL * 300,
    # What no terminal obeys, and what fools whoever reads it.
    "right to left": "pwn \u202egnp.exe\u202c",
    "isolates": "pwn \u2067cba\u2069 \u2066x\u2069",
    "marks of direction": "pwn\u200e\u200f\u061c",
    "line separators": "pwn\u2028pwn\u2029pwn",
    "a line of 5,000 letters": "x" * 5000 + BEL,
}  # fmt: skip
NAMES: Final = tuple(CASES)
COLOURS: Final = frozenset({"concealed"})
"""What tools print to colour a text: it is left out of what they say, and the text shown."""
LONG: Final = frozenset({"bells", "a line of 5,000 letters"})
"""Longer than a line: where that is cut, only its beginning is shown."""

_OWN: Final = re.compile(
    r"\x1b\["
    r"(?:"
    r"(?:0|1|2|3|4|7|9|22|23|24|27|29|[34][0-79]|[39][0-7]|10[0-7]|[34]8;5;\d+|"
    r"[34]8;2;\d+;\d+;\d+|;)*m"  # colours, bold, dim, italic, underlined, reversed, struck
    r"|\d*[ABCD]|\d+(?:;\d+)?H|H"  # moves of the cursor
    r"|[0-3]?[JK]"  # erases
    r"|\?(?:1|7|12|25|2004|2026)[hl]"  # keys, wrapping, the cursor, pastes, whole frames
    r"|6n"  # asks where the cursor is, as it begins to draw
    r"|[0-6] q"  # the cursor's shape
    r")"
)
"""The escape sequences that the chat writes itself. None of them changes what is outside of the
screen; one of them, `6n`, is answered, to prompt_toolkit."""
_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
_SIGN: Final = re.compile(
    r"[\u2400-\u2421\ufffd]|\\u001b|\\u00[0189]|\\x[0189]|\\[bfr]|\\u20|\\u7f"
)
"""What stands for a control: a sign of its own, or an escape of JSON or of Python."""


def text_of(name: str, door: str) -> str:
    """A hostile text between two words, by which a test finds it on the screen."""
    number = NAMES.index(name)
    return f"{door}{number:02}a {CASES[name]} {door}{number:02}z"


def whole(door: str, separator: str = "\n\n") -> str:
    """All of them, a paragraph each."""
    return separator.join(text_of(name, door) for name in NAMES)


def got_through(raw: bytes) -> list[str]:
    """What of these bytes no terminal should have been sent: names of cases, and strange bytes."""
    text = raw.decode()
    found = [name for name, payload in CASES.items() if _essence(payload) in text]
    rest = _OWN.sub("", text)
    rest = re.sub(r"(?<!\x08)\x08(?!\x08)", "", rest)  # one step to the left is prompt_toolkit's
    strange = {rest[at.start() : at.start() + 12] for at in _CONTROLS.finditer(rest)}
    return found + sorted(map(repr, strange))


def not_shown(
    screen: str, door: str, only: tuple[str, ...] = NAMES, colours: frozenset[str] = frozenset()
) -> list[str]:
    """The cases that are not on the screen as printed signs, between their words.

    Args:
        screen: what was shown.
        door: the letter of the door.
        only: the cases that were sent.
        colours: those that may be left out of their text.
    """
    broken = r"\n[ \u2502\u250a\u00bb|:>]*"  # a line's end may be in a word, or between two
    flat = [re.sub(broken, "", screen), re.sub(broken, " ", screen)]
    return [name for name in only if not any(_stands(name, door, each, colours) for each in flat)]


def _stands(name: str, door: str, text: str, colours: frozenset[str]) -> bool:
    number = NAMES.index(name)
    begin, end = f"{door}{number:02}a", f"{door}{number:02}z"
    if name in LONG and begin in text:
        return True
    between = re.search(f"{begin}(.*?){end}", text, re.DOTALL)
    return between is not None and (name in colours or bool(_SIGN.search(between[1])))


def _essence(payload: str) -> str:
    """The part of a case that a terminal would obey, up to its first printed word."""
    first = re.search(rf"{_CONTROLS.pattern}|\r", payload)
    assert first is not None, payload
    return payload[first.start() :]
