"""What does the list of traces look like? Static HTML without a script."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from toolrun.trace.view.page import policy, shipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolrun.trace.view.folder import Summary

_GOOD: Final = {"finished": "good", "failed": "bad"}
# As in page.js: what shows nothing, or turns the order of the text around it.
_HIDDEN = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def text(words: str) -> str:
    """Words of a trace or a file as text of a page: no markup, and nothing hidden."""
    return html.escape(_HIDDEN.sub(lambda found: f"\u27eaU+{ord(found[0]):04X}\u27eb", words))


def list_page(name: str, summaries: Iterable[Summary], *, suffix: str = "") -> Iterator[bytes]:
    """The page that lists traces, piece by piece, as they are read.

    Args:
        name: of their folder.
        summaries: of the traces; each page lies at the trace's name.
        suffix: of the pages.
    """
    style = shipped("page.css")
    yield f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy(style)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{text(name)} \u00b7 toolrun traces</title>
<style>{style}</style>
</head>
<body class="list">
<main>
<h1>Traces of {text(name)}</h1>
<table>
<thead><tr><th scope="col">Trace</th><th scope="col">Status</th>\
<th scope="col" class="wide">Date</th><th scope="col" class="figure">Steps</th>\
<th scope="col" class="figure">Tokens</th></tr></thead>
<tbody>
""".encode()
    for each in summaries:
        yield _row(each, suffix).encode()
    yield b"</tbody>\n</table>\n</main>\n</body>\n</html>\n"


def _row(each: Summary, suffix: str) -> str:
    # "./": a name with a colon is a path all the same.
    link = "./" + quote(each.name.encode("utf-8", "surrogateescape") + suffix.encode())
    problems = f' <span class="tag bad">{each.problems} !</span>' if each.problems else ""
    status = each.status or ("not read" if each.error else "open")
    tag = _GOOD.get(status, "bad" if each.error else "warn")
    error = f"<small>{text(each.error)}</small>" if each.error else ""
    date = datetime.fromtimestamp(_in_range(each.created), UTC)
    return (
        f'<tr><td><a href="{link}">{text(each.title or each.name)}</a>'
        f"<small>{text(each.name)}</small>{error}</td>"
        f'<td><span class="tag {tag}">{text(status)}</span>{problems}</td>'
        f'<td class="wide">{date:%Y-%m-%d %H:%M} UTC</td>'
        f'<td class="figure">{each.steps:,}</td><td class="figure">{each.tokens:,}</td></tr>\n'
    )


def _in_range(seconds: float) -> float:
    """Seconds that are a date."""
    return seconds if 0 <= seconds < 4e9 * 60 else 0.0
