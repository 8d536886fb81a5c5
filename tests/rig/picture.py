"""How do screens of a terminal become a picture? An SVG, still or moving, that needs nothing else.

A moving one holds all its screens side by side and shows one after another by a CSS animation,
which browsers run in images, too. It brings its own background, so it reads on a light page as on
a dark one. Whoever wants no motion sees the last screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from tests.rig.painted import Look, Run, cells, runs

if TYPE_CHECKING:
    from collections.abc import Sequence

_CELL: Final = 8.4
_ROW: Final = 18
_MARGIN: Final = 14
_BAR: Final = 30
_PAPER, _INK, _EDGE, _TITLE = "#0d1117", "#e6edf3", "#30363d", "#9198a1"
_FONT: Final = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
_HOLD_S: Final = 4.0
"""How long the last screen stands before the first comes again."""


@dataclass(frozen=True)
class Frame:
    """A screen, and how many seconds after the first it was seen.

    Attributes:
        painted: its lines, with SGR sequences, as `tmux capture-pane -e` gives them.
        cursor: column and row; None where it is hidden.
    """

    at: float
    painted: str
    cursor: tuple[int, int] | None = None


def draw(frames: Sequence[Frame], columns: int, rows: int, title: str) -> str:
    """The SVG of one screen, or of several in turn."""
    lines: dict[str, str] = {}
    screens = [_screen(frame, rows, lines) for frame in frames]
    wide, high = columns * _CELL + 2 * _MARGIN, rows * _ROW + _BAR + _MARGIN
    step = wide + _MARGIN
    body = "".join(
        f'<g transform="translate({_n(at * step)})">{screen}</g>' if at else f"<g>{screen}</g>"
        for at, screen in enumerate(screens)
    )
    dots = "".join(
        f'<circle cx="{16 + 18 * at}" cy="15" r="5.5" fill="{colour}"/>'
        for at, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{_n(wide)}" height="{high}" '
        f'viewBox="0 0 {_n(wide)} {high}"><title>{escape(title)}</title>'
        f"<style>text{{font:14px {_FONT};white-space:pre;fill:{_INK}}}"
        f".b{{font-weight:700}}.i{{font-style:italic}}.d{{opacity:.6}}"
        f".u{{text-decoration:underline}}.s{{text-decoration:line-through}}"
        f"{_animation(frames, step)}</style>"
        f'<rect x=".5" y=".5" width="{_n(wide - 1)}" height="{high - 1}" rx="8" fill="{_PAPER}" '
        f'stroke="{_EDGE}"/>{dots}'
        f'<text x="{_n(wide / 2)}" y="20" text-anchor="middle" '
        f'style="fill:{_TITLE};font-size:12px">'
        f"{escape(title)}</text>"
        f"<defs>{''.join(lines.values())}</defs>"
        f'<svg x="{_MARGIN}" y="{_BAR}" width="{_n(columns * _CELL)}" height="{rows * _ROW}">'
        f'<g id="all">{body}</g></svg></svg>\n'
    )


def _animation(frames: Sequence[Frame], step: float) -> str:
    if len(frames) == 1:
        return ""
    whole = frames[-1].at - frames[0].at + _HOLD_S
    stops = "".join(
        f"{_n(100 * (frame.at - frames[0].at) / whole)}%"
        f"{{transform:translateX({_n(-at * step)}px)}}"
        for at, frame in enumerate(frames)
    )
    last = _n(-(len(frames) - 1) * step)
    return (
        f"@keyframes play{{{stops}100%{{transform:translateX({last}px)}}}}"
        f"#all{{animation:play {_n(whole)}s steps(1,end) infinite}}"
        f"@media(prefers-reduced-motion:reduce){{#all{{animation:none;"
        f"transform:translateX({last}px)}}}}"
    )


def _screen(frame: Frame, rows: int, lines: dict[str, str]) -> str:
    """The lines of a screen by reference; those that are new are added to `lines`."""
    drawn = []
    look = Look()
    for at, painted in enumerate(frame.painted.split("\n")[:rows]):
        found, look = runs(painted, look)
        svg = "".join(map(_run, found))
        if svg:
            line = lines.setdefault(svg, f'<g id="l{len(lines)}">{svg}</g>')
            name = line.split('"')[1]
            drawn.append(
                f'<use href="#{name}" y="{at * _ROW}"/>' if at else f'<use href="#{name}"/>'
            )
    if frame.cursor is not None and frame.cursor[1] < rows:
        x, y = frame.cursor[0] * _CELL, frame.cursor[1] * _ROW
        drawn.append(
            f'<rect x="{_n(x)}" y="{_n(y + 1)}" width="{_CELL}" height="{_ROW - 2}" '
            f'fill="{_INK}" opacity=".5"/>'
        )
    return "".join(drawn)


def _run(run: Run) -> str:
    """Cells of one look."""
    ink, paper, marks = run.look.ink, run.look.paper, run.look.marks
    if "r" in marks:
        ink, paper = paper or _PAPER, ink or _INK
    x, wide = _n(run.column * _CELL), _n(cells(run.text) * _CELL)
    back = f'<rect x="{x}" width="{wide}" height="{_ROW}" fill="{paper}"/>' if paper else ""
    if not run.text.strip():
        return back
    classes = " ".join(sorted(marks - {"r"}))
    return (
        f'{back}<text x="{x}" y="13.5" textLength="{wide}" lengthAdjust="spacingAndGlyphs"'
        + (f' class="{classes}"' if classes else "")
        + (f' style="fill:{ink}"' if ink else "")
        + f">{escape(run.text, quote=False)}</text>"
    )


def _n(value: float) -> str:
    """A number, as short as it can be written."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
