"""Files that pages send with a form (RFC 7578): to the disk as they come, nameless there, and gone with their request.

The form's token comes before the file and is checked before a byte of that is written. What is refused is read to its
end all the same, within a bound: a browser shows no answer that comes before it has sent everything.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import BinaryIO, cast

from fastapi import Request
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.data_errors import TooManyUploads, UploadUnwritable
from ringfence.hub.errors import BodyRefused, OtherOrganisation
from ringfence.hub.people import forgery, forms
from ringfence.hub.people.callers import caller_of
from ringfence.hub.sign_in_errors import ForgedRequest

LARGEST_OF: Mapping[str, int] = {
    "/firmware/-/import": 500_000_000,
    "/assets/-/import": 500_000_000,
    "/phones/-/import/folder": 250_000_000,
}
"""The paths that take a file so, and how many bytes of it: a bundle has some 150 MB, a package of languages 300."""
MOST_AT_ONCE = 4
MOST_AT_ONCE_OF_ONE = 2
"""How many may be under way, and of one organisation."""
_LONGEST_TEXTS_BYTES = 64 << 10
_MOST_PARTS = 50
_AROUND_BYTES = 1 << 20
"""What a form may have around its file."""
_ROOM_LEFT_BYTES = 128 << 20
"""What an upload leaves free on the disk."""
_MOST_DISCARDED_BYTES = 2 << 30
_FILE = "uploaded_file"


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that came with a form; it is there until the request's end."""

    name: str
    size_bytes: int
    file: BinaryIO


class UploadPlaces:
    """How many uploads are under way, and of whom."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._taken: Counter[str] = Counter()

    @contextmanager
    def one(self, organisation_id: str) -> Iterator[None]:
        """Take a place while the block runs.

        Raises:
            TooManyUploads: There is none.
        """
        with self._lock:
            if self._taken.total() >= MOST_AT_ONCE or self._taken[organisation_id] >= MOST_AT_ONCE_OF_ONE:
                raise TooManyUploads(
                    "other imports are at work, and there is no place for one more", to_do="Try again in a minute."
                )
            self._taken[organisation_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[organisation_id] -= 1


@asynccontextmanager
async def taken(request: Request) -> AsyncIterator[None]:
    """Take the form of a request, and keep its fields, and its file or why there is none, while the block runs.

    Raises:
        ForgedRequest, OtherOrganisation: As ``forgery.check``; the file is not taken.
        RingfenceError: There is no place for it, or not even its fields could be read.
        ClientDisconnect: The sender is gone.
    """
    fields: dict[str, str] = {}
    forms.keep_fields(request, fields)
    caller = caller_of(request)
    places: UploadPlaces = request.app.state.upload_places
    found: SentFile | RingfenceError
    with ExitStack() as ends:
        try:
            ends.enter_context(places.one("" if caller is None else caller.organisation_id))
            found = await _received(request, fields, ends.enter_context(_nameless(request)))
        except (ForgedRequest, OtherOrganisation):
            raise
        except RingfenceError as fault:
            await _discard_rest(request)
            if not fields:
                raise
            found = fault
        request.scope["state"][_FILE] = found
        yield


def file_of(request: Request) -> SentFile:
    """Return the file that came with a request.

    Raises:
        RingfenceError: Why there is none.
    """
    found: SentFile | RingfenceError = request.scope["state"][_FILE]
    if isinstance(found, RingfenceError):
        raise found
    return found


def _nameless(request: Request) -> BinaryIO:
    hub: Hub = request.app.state.hub
    try:
        # It reads and writes like any other: the stubs know it by another name.
        return cast("BinaryIO", tempfile.TemporaryFile(dir=None if hub.folder is None else hub.folder.path))
    except OSError as fault:
        raise _unwritable(fault.strerror or str(fault)) from None


async def _received(request: Request, fields: dict[str, str], file: BinaryIO) -> SentFile:
    """Return the file, written to ``file``; ``fields`` gets what stands before it."""
    most = LARGEST_OF[request.scope["path"]]
    reader = _FormReader(request, most, fields, file)
    length = request.headers.get("content-length", "")
    await run_in_threadpool(_check_room, file, int(length) if length.isdecimal() and len(length) < 16 else 0)  # noqa: PLR2004
    async for part in request.stream():
        await run_in_threadpool(reader.take, part)
    return reader.end()


class _FormReader:
    """Takes a form in parts of any size."""

    def __init__(self, request: Request, most: int, fields: dict[str, str], file: BinaryIO) -> None:
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        if kind.strip().lower() != "multipart/form-data" or not options.get("boundary"):
            forgery.check(request)  # whoever forges is told that first, as everywhere
            raise BodyRefused("this page takes a form with a file", to_do="Send the form as the page has it.")
        self._parser = PushMultipartParser(
            options["boundary"], max_header_size=4096, max_segment_count=_MOST_PARTS, strict=True
        )
        self._request, self._most, self._fields, self._file = request, most, fields, file
        self._name, self._size_bytes, self._texts_bytes = "", 0, 0
        self._has_file, self._is_whole = False, False
        self._text: tuple[str, bytearray] | None = None

    def take(self, data: bytes) -> None:
        """Take a part of the body.

        Raises:
            RingfenceError: It can't be taken, or can't be written.
        """
        try:
            for event in self._parser.parse(data):
                if isinstance(event, MultipartSegment):
                    self._begin(event)
                elif event is None:
                    self._end_of_part()
                else:
                    self._add(event)
        except (MultipartError, UnicodeError, ValueError):
            raise _cut() from None

    def end(self) -> SentFile:
        """Return the file.

        Raises:
            BodyRefused: The form is not whole, or has no file.
        """
        try:
            self._parser.close()
        except MultipartError:
            raise _cut() from None
        if not self._name:
            raise BodyRefused("there is no file", to_do="Choose one.")
        if not self._size_bytes:
            raise BodyRefused("the file is empty", where=self._name, to_do="Choose another one.")
        self._file.seek(0)
        return SentFile(self._name, self._size_bytes, self._file)

    def _begin(self, part: MultipartSegment) -> None:
        if part.filename is None:
            self._text = (part.name, bytearray())
            return
        if self._has_file:
            raise BodyRefused("a form has one file", to_do="Send one after the other.")
        self._has_file, self._text = True, None
        self._name = part.filename.replace("\\", "/").rpartition("/")[2][:200]
        forgery.check(self._request)

    def _add(self, data: bytes | bytearray) -> None:
        if self._text is not None:
            self._texts_bytes += len(data)
            if self._texts_bytes > _LONGEST_TEXTS_BYTES:
                raise BodyRefused("the form's texts are too long", to_do="Shorten them.")
            self._text[1].extend(data)
            return
        self._size_bytes += len(data)
        if self._size_bytes > self._most:
            raise BodyRefused(
                f"the file has more than {self._most // 1_000_000} MB, which is the most that this page takes",
                where=self._name,
                to_do="Import it in parts, or with the command, which sends only what is needed.",
            )
        try:
            self._file.write(data)
        except OSError as fault:
            raise _unwritable(fault.strerror or str(fault)) from None

    def _end_of_part(self) -> None:
        if self._text is not None:
            name, text = self._text
            self._fields[name] = text.decode("utf-8").replace("\r\n", "\n")
            self._text = None


def _check_room(file: BinaryIO, length: int) -> None:
    free = shutil.disk_usage(file.fileno()).free
    if free - length < _ROOM_LEFT_BYTES:
        raise _unwritable("the disk is full")


async def _discard_rest(request: Request) -> None:
    """Read what is left of a body, within a bound; a sender who is gone is seen by whoever reads on."""
    left = _MOST_DISCARDED_BYTES
    with suppress(RuntimeError):  # the body was read to its end
        async for part in request.stream():
            left -= len(part)
            if left < 0:
                return


def _cut() -> BodyRefused:
    return BodyRefused("the file did not come whole; nothing of it is kept", to_do="Send it again.")


def _unwritable(why: str) -> UploadUnwritable:
    return UploadUnwritable(
        f"the hub can't keep the file while it is looked at: {why}",
        to_do="Make room on the disk of the hub's data folder, and send it again.",
    )
