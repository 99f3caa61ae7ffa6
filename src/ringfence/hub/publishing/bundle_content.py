"""What goes into a portable bundle: the newest release of its site, or what one phone of it may fetch."""

from typing import IO

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.content.release import BY_HTTPS, STUBS, Target, TargetKind
from ringfence.hub.core import Hub
from ringfence.hub.errors import BadBundle
from ringfence.hub.fleet import bundles
from ringfence.hub.publishing import bundle_file, releases
from ringfence.hub.publishing.bundle_file import BundleContent, BundleLock
from ringfence.hub.store.access_scope import beyond_scope
from ringfence.hub.store.bundle_models import BundleRow
from ringfence.hub.store.models import PhoneRow, SiteRow
from ringfence.hub.store.release_models import ReleaseTargetRow
from ringfence.phones.families import model as model_of
from ringfence.portable.manifest import BundledPhone, BundleManifest
from ringfence.printable import printable

DOWNLOAD_PATH = "/portable.rfb"
"""Where portables look for newer bundles, each with its own password."""
FILE_TYPE = "application/octet-stream"
_LONGEST_NAME = 80


def newest_release(session: Session, row: BundleRow) -> int:
    """Return the newest release of a line's site.

    Raises:
        BadBundle: Nothing has been published for it.
    """
    number = session.scalar(select(SiteRow.newest_release).where(SiteRow.id == row.site_id)) or 0
    if not number:
        raise BadBundle(
            f"nothing has been published for site {row.site_id} yet",
            to_do=f"Publish it: ringfence publish {row.site_id}",
        )
    return number


def read(hub: Hub, session: Session, row: BundleRow) -> BundleContent:
    """Return what the newest bundle of a line holds.

    Raises:
        BadBundle: There is nothing for it.
    """
    targets = [each for each in _targets(session, row) if not each.name.startswith((STUBS, BY_HTTPS))]
    if row.leaves_out_firmware:
        targets = [each for each in targets if each.kind is not TargetKind.FIRMWARE]
    owners = {each.owner for each in targets if each.owner is not None}
    chosen = select(PhoneRow).where(PhoneRow.site_id == row.site_id).order_by(PhoneRow.mac)
    if row.mac is not None:
        chosen = chosen.where(PhoneRow.mac == row.mac)
    phones = tuple(_phone(phone) for phone in session.scalars(chosen) if phone.mac in owners)
    if not phones:
        raise BadBundle(
            f"release {row.release} of site {row.site_id} has no file of " + ("this phone" if row.mac else "any phone"),
            to_do=f"Add the phone, and publish: ringfence publish {row.site_id}",
        )
    known = {phone.mac for phone in phones}
    files = [each for each in targets if each.owner is None or each.owner in known]
    return BundleContent(
        row.id, row.number, row.site_id, row.release, row.newest_at, row.expires_at, hub.people_url + DOWNLOAD_PATH,
        phones, files,
    )  # fmt: skip


def write(hub: Hub, content: BundleContent, row: BundleRow, file: IO[bytes]) -> BundleManifest:
    """Write the newest bundle of a line into a file."""
    bundles.check_good(row)
    return bundle_file.write(hub, content, BundleLock(row.recipient, row.wrapped_identity), file)


def file_name(row: BundleRow) -> str:
    """Return what a bundle's file is called when it is downloaded."""
    return f"{row.mac or row.site_id}.rfb"


def _targets(session: Session, row: BundleRow) -> tuple[Target, ...]:
    """Return the files of the release; those for all phones even if a caller is limited to groups, as none is shown."""
    of = ReleaseTargetRow
    chosen = select(of).where(of.site_id == row.site_id, of.number == row.release)
    if row.mac is None:
        return releases.in_order(releases.target_of(each) for each in session.scalars(chosen))
    own = session.scalars(chosen.where(of.owner == row.mac)).all()
    shared = session.scalars(beyond_scope(chosen.where(of.owner.is_(None)))).all()
    return releases.in_order(releases.target_of(each) for each in (*own, *shared))


def _phone(row: PhoneRow) -> BundledPhone:
    menu = " > ".join(model_of(row.model)[0].tftp_menu.value)
    return BundledPhone(row.mac, printable(row.description, _LONGEST_NAME), row.model, menu)
