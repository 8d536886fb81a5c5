"""Whom do programs in a box trust over TLS? Those whom this machine trusts, and no others.

A box sees nothing of /etc, so a box that reaches the network is shown the file of certificates that
OpenSSL takes here, read-only and at its own path, and its environment names it to the programs that
look for one elsewhere.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toolrun.extras import has

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")
"""By which OpenSSL (urllib, httpx), requests, curl and git find it."""
_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


def bundle() -> str | None:
    """The file of certificates that this machine trusts, links resolved; None where there is none.

    It is that of `SSL_CERT_FILE`, else OpenSSL's own, else the one of the package certifi. A file
    that holds a private key beside is passed over: tools could read it.
    """
    for place in _places():
        path = os.path.realpath(place)
        try:
            changed = os.stat(path).st_mtime_ns  # noqa: PTH116 - a string, as boxes take it
        except OSError:
            continue
        if _is_public(path, changed):
            return path
    return None


def _places() -> Iterator[str]:
    import ssl

    if named := os.environ.get("SSL_CERT_FILE"):
        yield named
    if own := ssl.get_default_verify_paths().cafile:
        yield own
    yield from _BUNDLES
    if has("certifi"):
        import certifi

        yield certifi.where()


@lru_cache(maxsize=8)
def _is_public(path: str, changed: int) -> bool:  # noqa: ARG001 - the key: it may be written anew
    """Whether a file has certificates, and nothing that is nobody's business."""
    try:
        content = Path(path).read_bytes()
    except OSError:
        return False
    return b"-----BEGIN " in content and b"PRIVATE KEY-----" not in content
