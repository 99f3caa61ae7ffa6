"""What a phone's published file says for a setting, which may differ from what the settings would write now."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.content.digests import Digest
from ringfence.hub.core import Hub
from ringfence.hub.data_errors import BlobUnavailable
from ringfence.hub.store.models import PhoneRow, SiteRow
from ringfence.hub.store.release_models import ReleaseTargetRow
from ringfence.phones.document import NotWellFormed, parse
from ringfence.phones.importing.element_paths import texts_by_path
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import Setting


def published_texts(hub: Hub, session: Session, mac: Mac) -> Mapping[str, str]:
    """Return the text of each element of a phone's published file, by path; none if it has no XML file."""
    chosen = (
        select(ReleaseTargetRow.digest)
        .join(SiteRow, (SiteRow.id == ReleaseTargetRow.site_id) & (SiteRow.newest_release == ReleaseTargetRow.number))
        .join(PhoneRow, (PhoneRow.mac == ReleaseTargetRow.owner) & (PhoneRow.site_id == SiteRow.id))
        .where(ReleaseTargetRow.owner == mac.bare, ReleaseTargetRow.kind == "configuration")
        .order_by(ReleaseTargetRow.reload_port.is_(None), ReleaseTargetRow.name)
        .limit(1)
    )
    digest = session.scalar(chosen)
    try:
        return {} if digest is None else texts_by_path(parse(hub.blobs.get(Digest(digest))).root)
    except (NotWellFormed, BlobUnavailable):
        return {}


def in_file(texts: Mapping[str, str], setting: Setting) -> str | None:
    """Return what a file says for a setting; None for a secret, or where its element is not there once."""
    if setting.secret:
        return None
    end = f"/{setting.element}"
    found = {text for path, text in texts.items() if path == setting.element or path.endswith(end)}
    return found.pop() if len(found) == 1 else None
