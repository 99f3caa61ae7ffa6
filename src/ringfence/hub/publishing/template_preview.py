"""What a template would make of a phone, before it is stored: what its files would change, with secrets masked."""

from collections.abc import Sequence

from ringfence.content.digests import Digest, sha256_hex
from ringfence.content.release import Target
from ringfence.hub.core import Hub
from ringfence.hub.errors import BadSelection
from ringfence.hub.fleet import phones, templates
from ringfence.hub.publishing import releases
from ringfence.hub.publishing.diffs import FileChange, compare, describe, read_from
from ringfence.hub.publishing.left_out import LeftOutPhone
from ringfence.hub.publishing.sandboxed_templates import LimitedRenderer
from ringfence.hub.publishing.site_rows import read_phones
from ringfence.hub.store.models import SiteRow
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.own_templates import OwnTemplates
from ringfence.phones.rendering.render_input import PhoneToRender, secrets_of


def preview(hub: Hub, mac: Mac, family_id: str, name: str, source: str) -> list[FileChange]:
    """Return what a phone's own files would change against those that it has.

    Raises:
        BadSelection: The phone is of another family, or has no line.
        RingfenceError: The template can't be used for it, and the error names the line; or the phone has no file.
    """
    with hub.database.reading() as session:
        phone = phones.get(session, mac)
        if model_of(phone.model)[0].id != family_id:
            raise BadSelection(f"phone {mac} is not of the family {family_id}", to_do="Choose one that is.")
        site = session.get_one(SiteRow, phone.site_id)
        number = site.newest_release
        before = releases.targets_of(session, site.id, number, mac) if number else ()
        own = templates.all_of(session)
        found = read_phones(session, hub.sealer, [mac.bare], hub.clock())
    to_render = _one(found, mac)
    changed = {**own.sources, family_id: {**own.sources.get(family_id, {}), name: source}}
    with LimitedRenderer(OwnTemplates(changed), hub.renderer) as renderer:
        files = [file for file in renderer.render(to_render) if file.owner == mac]
    after = [
        Target(file.name, sha256_hex(file.data), len(file.data), file.kind, mac.bare, file.reload) for file in files
    ]
    fresh = {Digest(target.digest): file.data for target, file in zip(after, files, strict=True)}
    return describe(compare(before, after), read_from(fresh, hub.blobs.get), secrets_of(to_render))


def _one(found: Sequence[PhoneToRender | LeftOutPhone], mac: Mac) -> PhoneToRender:
    match found:
        case [PhoneToRender() as phone]:
            return phone
        case [LeftOutPhone() as left]:
            raise left.fault
        case _:
            raise BadSelection(f"phone {mac} has no line", to_do="Give it one, or choose another phone.")
