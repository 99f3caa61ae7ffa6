"""Forms that pages send: names and texts, as browsers encode them (``application/x-www-form-urlencoded``).

A form with a file comes as ``multipart/form-data`` (RFC 7578); the file must be text, too.
"""

from collections.abc import Mapping
from io import BytesIO
from types import MappingProxyType
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from multipart import MultipartError, MultipartParser, parse_options_header

from ringfence.hub.errors import BodyRefused
from ringfence.printable import printable

MOST_FIELDS = 1000
TOKEN = "form_token"  # noqa: S105 - a field's name
"""The field that gives back the caller's ``form_token``."""
ORGANISATION = "form_organisation"
"""The field that says which organisation a form is about."""
DRAFT = "form_draft"
"""The field that says in which draft a form edits."""
ENCODED, _IN_PARTS = "application/x-www-form-urlencoded", "multipart/form-data"
_LARGEST_HEAD_BYTES = 4096
_FORM = "form"

Form = Mapping[str, str]
"""What was typed, by the name of its field; what was not ticked is not there."""
FILE_NAME = "_file"
"""What the name of a field with a file ends with, for the file's own name."""
NO_FORM: Form = MappingProxyType({})


def keep(request: Request, body: bytes) -> None:
    """Read a form and keep it with its request.

    Raises:
        BodyRefused: It is none.
    """
    keep_fields(request, parse(request.headers.get("content-type", ""), body))


def keep_fields(request: Request, fields: Form) -> None:
    """Keep a form that was read already with its request."""
    request.scope.setdefault("state", {})[_FORM] = fields


def parse(content_type: str, body: bytes) -> dict[str, str]:
    """Return what a form holds; of a name that comes twice, the last.

    Raises:
        BodyRefused: It is none.
    """
    kind, options = parse_options_header(content_type)
    if kind.strip().lower() == _IN_PARTS:
        return _parts(body, options.get("boundary", ""))
    if body and kind.strip().lower() != ENCODED:
        raise BodyRefused(f"a page takes {ENCODED}", to_do="Send the form as the page has it.")
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise BodyRefused("this is no form", to_do="Send the form as the page has it.") from None
    return {name: text.replace("\r\n", "\n") for name, text in fields}


def _parts(body: bytes, boundary: str) -> dict[str, str]:
    """Return the fields of a form in parts, as a browser sends it that has a file to send."""
    found: dict[str, str] = {}
    try:
        parser = MultipartParser(
            BytesIO(body), boundary, strict=True, part_limit=MOST_FIELDS, headersize_limit=_LARGEST_HEAD_BYTES,
            spool_limit=len(body), memory_limit=len(body), disk_limit=0,
        )  # fmt: skip
        for part in parser:
            try:
                found[part.name] = part.raw.decode("utf-8-sig").replace("\r\n", "\n")
            except UnicodeDecodeError as fault:
                line = part.raw[: fault.start].count(b"\n") + 1
                where = f"line {line} of {printable(part.filename or part.name, 80)}"
                raise BodyRefused("this is not UTF-8", where=where, to_do="Save it as UTF-8.") from None
            if part.filename:
                found[part.name + FILE_NAME] = part.filename
    except (MultipartError, UnicodeError, ValueError):
        raise BodyRefused("the form did not come whole", to_do="Send it again.") from None
    return found


def form_of(request: Request) -> Form | None:
    """Return the form that a page has sent; None where a request's body is none."""
    form: Form | None = request.scope.get("state", {}).get(_FORM)
    return form


def _form(request: Request) -> Form:
    form: Form = request.scope["state"][_FORM]
    return form


TheForm = Annotated[Form, Depends(_form)]
