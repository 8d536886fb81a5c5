"""How does the chat page reach a browser? One file, and a policy that lets nothing else run."""

import base64
import hashlib
import re
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
router = APIRouter()


def _hashes(tag: str) -> str:
    """The digests of what stands in the page's own elements of this name."""
    inner = re.findall(rf"<{tag}>(.*?)</{tag}>", PAGE, re.DOTALL)
    digests = (hashlib.sha256(each.encode()).digest() for each in inner)
    return " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in digests)


HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; script-src {_hashes('script')}; style-src {_hashes('style')}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}


@router.get("/", include_in_schema=False)
async def page() -> HTMLResponse:
    """The chat page; it asks for a key by itself."""
    return HTMLResponse(PAGE, headers=HEADERS)
