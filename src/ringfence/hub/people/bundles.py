"""Portable bundles: made, written, revoked; and the program that serves them."""

import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ringfence.hub.core import Hub
from ringfence.hub.data_errors import BadPassphrase
from ringfence.hub.fleet import bundles, phones
from ringfence.hub.fleet.bundles import BundleOrder
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.bundles import BundleKeyView, BundleView, MadeBundleView, NewBundle
from ringfence.hub.publishing import bundle_content, bundle_file, portable_program
from ringfence.hub.publishing.bundle_content import FILE_TYPE
from ringfence.hub.publishing.bundle_file import BundleContent, BundleLock
from ringfence.hub.store.bundle_models import BundleRow
from ringfence.phones.mac import Mac
from ringfence.secret import Secret

PROGRAM_NAME = "ringfence-portable.pyz"
_PART_BYTES = 256 * 1024
OfSite = Annotated[str | None, Query(description="Those of one site")]
_CONTENT: dict[int | str, dict[str, Any]] = {200: {"content": {FILE_TYPE: {}}}}

router = APIRouter()


@router.get("/bundles", tags=["bundles"])
def list_bundles(hub: TheHub, _caller: TheCaller, page: ThePage, site: OfSite = None) -> Items[BundleView]:
    """List the lines of portable bundles, the newest first."""
    with hub.database.reading() as session:
        return Items.of(bundles.find(session, page, site).each(lambda row: view(hub, row)))


@router.post("/bundles", status_code=201, tags=["bundles"])
def make_bundle(body: NewBundle, hub: TheHub, caller: TheCaller) -> MadeBundleView:
    """Begin a line of portable bundles; its download password is shown only once. Its file is written afterwards."""
    made = make(hub, caller.name, body)
    return MadeBundleView(
        **view(hub, made.row).model_dump(), download_password=made.password.reveal(),
        passphrase=made.passphrase.reveal() if made.passphrase is not None else None,
    )  # fmt: skip


@router.get("/bundles/key", tags=["bundles"])
def show_bundle_key(hub: TheHub, _caller: TheCaller) -> BundleKeyView:
    """Show by what key bundles of this hub are known."""
    return BundleKeyView(signing_key=bundle_file.signing_key(hub).hex())


@router.get("/bundles/portable", response_class=Response, responses=_CONTENT, tags=["bundles"])
def download_portable(hub: TheHub, _caller: TheCaller) -> Response:
    """Download the program that serves bundles of this hub, for Python 3.11 and newer."""
    return Response(portable_program.make(hub), media_type=FILE_TYPE, headers=attachment(PROGRAM_NAME))


@router.post("/bundles/{bundle}/file", response_class=Response, responses=_CONTENT, tags=["bundles"])
def write_bundle(bundle: str, hub: TheHub, caller: TheCaller) -> Response:
    """Write the newest bundle of a line, encrypted: a new number where there is a newer release."""
    return written(hub, caller.name, bundle)


@router.post("/bundles/{bundle}/revoke", tags=["bundles"])
def revoke_bundle(bundle: str, hub: TheHub, caller: TheCaller) -> BundleView:
    """Make no newer bundle of a line. Those that are out there stay readable for whoever has what opens them."""
    with hub.change(caller.name) as change:
        return view(hub, bundles.revoke(change, bundle))


@dataclass(frozen=True, slots=True)
class MadeBundle:
    """A new line, and what is shown of it only once."""

    row: BundleRow
    password: Secret
    passphrase: Secret | None
    """The new one; None where one was given, or a recipient."""


def make(hub: Hub, who: str, body: NewBundle) -> MadeBundle:
    """Begin a line, and give it its first number.

    Raises:
        RingfenceError: There can be no such line (``fleet/bundles.py``).
    """
    mac = Mac.parse(body.mac) if body.mac else None
    passphrase = None if body.passphrase or body.recipient else bundles.new_passphrase()
    lock = _lock(body, passphrase)
    with hub.change(who) as change:
        site = body.site
        if mac is not None and not site:
            site = phones.get(change.session, mac).site_id
        order = BundleOrder(
            site, mac, body.name, body.days, body.leave_out_firmware, lock.recipient, lock.wrapped_identity
        )
        row, password = bundles.create(change, order)
        change.session.flush()
        bundles.renew(change, row, bundle_content.newest_release(change.session, row))
        bundle_content.read(hub, change.session, row)
    return MadeBundle(row, password, passphrase)


def written(hub: Hub, who: str, bundle: str) -> "BundleAnswer":
    """Return the newest bundle of a line as an answer, under a new number where that is due."""
    with hub.change(who) as change:
        row = bundles.get(change.session, bundle)
        bundles.renew(change, row, bundle_content.newest_release(change.session, row))
        content = bundle_content.read(hub, change.session, row)
        change.note("bundle.write", row.id, f"number {row.number}")
    return answer(hub, row, content)


def answer(hub: Hub, row: BundleRow, content: BundleContent, gone: Callable[[], None] = lambda: None) -> "BundleAnswer":
    """Return a bundle as an answer: written whole, encrypted, before its first byte goes out.

    ``gone`` is called when its file is there no more: once it was sent, or could not be.
    """
    file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is sent
    try:
        bundle_content.write(hub, content, row, file)
        size = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        gone()
        raise
    headers = {"Content-Length": str(size), "ETag": f'"{row.number}"', "Cache-Control": "no-store"}
    headers |= attachment(bundle_content.file_name(row))
    return BundleAnswer(file, headers, gone)


def attachment(name: str) -> dict[str, str]:
    """Return the header that gives a download its name."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def view(hub: Hub, row: BundleRow) -> BundleView:
    """Return a line in the API's form."""
    return BundleView(
        id=row.id, site=row.site_id, mac=str(Mac(row.mac)) if row.mac is not None else None, name=row.name,
        opened_by="passphrase" if row.wrapped_identity else row.recipient, days=row.days,
        leaves_out_firmware=row.leaves_out_firmware, number=row.number, release=row.release, made_at=row.made_at,
        made_by=row.made_by, expires_at=row.expires_at, last_fetched_at=row.last_fetched_at,
        revoked_at=row.revoked_at, url=hub.people_url + bundle_content.DOWNLOAD_PATH,
    )  # fmt: skip


def _lock(body: NewBundle, passphrase: Secret | None) -> BundleLock:
    if body.passphrase and body.recipient:
        raise BadPassphrase("a bundle has either a passphrase or a recipient", to_do="Give one of them.")
    if body.recipient:
        return bundle_file.lock_for_recipient(body.recipient)
    if passphrase is None:
        passphrase = Secret(body.passphrase)
        bundles.check_passphrase(passphrase)
    return bundle_file.lock_for_passphrase(passphrase)


class BundleAnswer(StreamingResponse):
    """A bundle as it is sent from a file without a name, which goes with the answer, however that ends."""

    def __init__(self, file: IO[bytes], headers: dict[str, str], gone: Callable[[], None]) -> None:
        self._file = file
        self._gone = weakref.finalize(self, gone)  # also where nobody comes to send it; it counts once
        super().__init__(self._parts(), headers=headers, media_type=FILE_TYPE)

    def _parts(self) -> Iterator[bytes]:
        while part := self._file.read(_PART_BYTES):
            yield part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()
            self._gone()
