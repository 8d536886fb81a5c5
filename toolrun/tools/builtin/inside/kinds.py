"""What is a file that is no text, by its first bytes? And how large is it, for a person?"""

from __future__ import annotations

_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
)
_KINDS = (
    *_IMAGES,
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive (or a document that is one: docx, xlsx, jar)"),
    (b"\x1f\x8b", "compressed by gzip"),
    (b"BZh", "compressed by bzip2"),
    (b"\xfd7zXZ\0", "compressed by xz"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd"),
    (b"\x7fELF", "an ELF program"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"OggS", "Ogg audio or video"),
    (b"ID3", "MP3 audio"),
    (b"fLaC", "FLAC audio"),
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UNITS = ("kB", "MB", "GB", "TB")
_STEP = 1000


def kind_of(head: bytes) -> str:
    """What a file is that begins so: "a PNG image"; empty where it may be text."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP image"
    for begins, kind in _KINDS:
        # Few letters could begin a text, too: then no zero byte follows.
        if head.startswith(begins) and (not begins.isalnum() or b"\0" in head):
            return kind
    if head.startswith(_UTF16):
        return "UTF-16 text"
    return "binary data" if b"\0" in head else ""


def is_image(kind: str) -> bool:
    """Whether a kind is that of a picture."""
    return kind.endswith("image")


def size_of(size: int) -> str:
    """A size: "512 bytes", "1.2 kB"."""
    if size < _STEP:
        return f"{size} byte{'' if size == 1 else 's'}"
    unit = 0
    number = size / _STEP
    while number >= _STEP and unit < len(_UNITS) - 1:
        number /= _STEP
        unit += 1
    return f"{number:.1f} {_UNITS[unit]}"
