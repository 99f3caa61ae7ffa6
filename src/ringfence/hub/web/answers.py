"""Answers that are pages or tables, and what browsers are told to keep from them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from fastapi.responses import HTMLResponse, StreamingResponse

from ringfence import csv_text

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class PageAnswer(HTMLResponse):
    """A page: it loads nothing from elsewhere, runs nothing that is written in it, and is shown in no frame."""

    def __init__(self, content: str, status_code: int = 200) -> None:
        super().__init__(content, status_code, dict(HEADERS))


def csv_answer(name: str, heading: Sequence[str], rows: Iterable[Sequence[object]]) -> StreamingResponse:
    """Return a table as a file; however long it is, little of it is in memory."""
    return file_answer(name, "text/csv; charset=utf-8", (csv_text.to_text([row]) for row in chain([heading], rows)))


def file_answer(name: str, kind: str, parts: Iterable[str]) -> StreamingResponse:
    """Return a file of this media type, part after part."""
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return StreamingResponse(parts, media_type=kind, headers=headers)
