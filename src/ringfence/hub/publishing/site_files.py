"""A site's files, rendered in memory from what was read."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from html import escape
from typing import Protocol

from ringfence.content.digests import Digest, sha256_hex
from ringfence.content.release import STUBS, Target, TargetKind
from ringfence.errors import BadInput
from ringfence.hub.data_errors import BlobUnavailable
from ringfence.hub.errors import FilesDisagree, SecretWouldBeShared
from ringfence.hub.fleet.vpn_phones import VpnOffer
from ringfence.hub.publishing.diffs import read_from
from ringfence.hub.publishing.known_secrets import KnownSecrets
from ringfence.hub.publishing.left_out import FAULTS_OF_ONE_PHONE, LeftOutPhone
from ringfence.hub.publishing.releases import in_order
from ringfence.hub.publishing.shared_files import SharedFiles, refusal
from ringfence.hub.publishing.signed_forms import MadeFile, SignedForms
from ringfence.hub.publishing.site_rows import SiteInput
from ringfence.phones.families import model as model_of
from ringfence.phones.family import LOAD_SETTING
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import (
    PhoneToRender,
    secrets_of,
    stub_of,
)
from ringfence.phones.rendering.renderer import RenderedFile


@dataclass(frozen=True, slots=True)
class SiteFiles:
    """One site's files as they are to be published; ``secrets`` are those that they hold.

    ``prepared`` are the files of phones that wait for firmware, each with its load. Phones in ``left_out`` keep the
    files that they have. ``refused`` says which files for all phones hold a secret, and are not there.
    """

    site: SiteInput
    targets: tuple[Target, ...]
    prepared: tuple[tuple[Target, str], ...]
    left_out: tuple[LeftOutPhone, ...]
    refused: tuple[SecretWouldBeShared, ...]
    blobs: dict[Digest, bytes] = field(repr=False)
    secrets: frozenset[str] = field(repr=False)

    @property
    def changed(self) -> bool:
        """Whether this differs from the site's newest release; a site that never had a file needs none."""
        return self.targets != self.site.published

    @property
    def vpn_offers(self) -> dict[str, VpnOffer]:
        """What the files of each phone say of its VPN head end, by its bare address."""
        left, names = {phone.mac.bare for phone in self.left_out}, frozenset(target.name for target in self.targets)
        return {
            phone.mac.bare: VpnOffer.of(phone.settings, phone.mac, names)
            for phone in self.site.phones
            if phone.mac.bare not in left
        }

    @property
    def named(self) -> dict[str, str]:
        """Bare address → the load that the phone's file names now, where it named another before."""
        left = {phone.mac.bare for phone in self.left_out}
        return {mac: load for mac, load in self.site.named.items() if mac not in left}


class Renders(Protocol):
    """What makes a phone's files."""

    def render(self, phone: PhoneToRender) -> tuple[RenderedFile, ...]:
        """Return the files of ``phone``; a BadInput says what is wrong with it."""
        ...


def render(site: SiteInput, renderer: Renders, known: KnownSecrets, read: Callable[[Digest], bytes]) -> SiteFiles:
    """Render a site's phones; one that can't be rendered is left out and keeps the files that it has.

    Phones may share a file under one name where it is the same for all of them; a phone that needs another under that
    name is left out, and so is one whose shared file would hold a secret of those that are ``known``. ``read`` returns
    a blob that is published or uploaded: if it is for all phones and holds a secret, it is refused.
    """
    shared = SharedFiles(known, renderer.render, site.own_templates)
    forms = SignedForms(site.trust, site.published, read)
    targets: dict[str, Target] = {}
    makers: dict[str, Mac] = {}
    blobs: dict[Digest, bytes] = {}
    secrets: set[str] = set()
    prepared: list[tuple[Target, str]] = []
    left = list(site.left_out)
    for phone in site.phones:
        try:
            made = _in_forms(phone, site, forms, _files_of(phone, site, renderer, shared))
            later = _upgrade_of(phone, site, renderer, shared, forms)
            _check_shared(phone, site, made, targets, makers)
        except FAULTS_OF_ONE_PHONE as fault:
            left.append(LeftOutPhone(site.site_id, phone.mac, fault))
            continue
        secrets |= secrets_of(phone) | site.phrases_of(phone.mac)
        for target, data in made:
            targets[target.name] = target
            makers.setdefault(target.name, phone.mac)
            blobs[target.digest] = data
        for target, data, load in later:
            blobs[target.digest] = data
            if targets.get(target.name) != target:
                prepared.append((target, load))
    blobs |= site.lists
    for target in (*site.firmware, *site.assets, *_kept(site, left)):
        targets.setdefault(target.name, target)
    left.sort(key=lambda phone: phone.mac.bare)
    content = read_from(blobs, read)
    refused = _take_out(site, targets, shared, content)
    for target, data in forms.of_shared(list(targets.values()), content):
        targets[target.name] = target
        blobs[target.digest] = data
    published = in_order(targets.values())
    return SiteFiles(site, published, tuple(prepared), tuple(left), refused, blobs, frozenset(secrets))


def _take_out(
    site: SiteInput, targets: dict[str, Target], shared: SharedFiles, read: Callable[[Digest], bytes]
) -> tuple[SecretWouldBeShared, ...]:
    """Remove files that are for all phones and hold a secret; return why for those that no phone was left out for."""
    refused = []
    for target in list(targets.values()):
        if target.owner is not None:
            continue
        try:
            owner = shared.owner_in(target, partial(read, target.digest))
        except BlobUnavailable:
            owner = None  # what can't be read can't be given out either
        if target.name in shared.refused or owner is not None:
            del targets[target.name]
        if owner is not None:
            refused.append(refusal(site.site_id, target, owner))
    return tuple(refused)


def _kept(site: SiteInput, left: Collection[LeftOutPhone]) -> list[Target]:
    """Return what is published and stays for phones that are left out: their own files, and what they may share."""
    owners = {None, *(phone.mac.bare for phone in left)}
    return [target for target in site.published if target.owner in owners] if left else []


def _files_of(
    phone: PhoneToRender, site: SiteInput, renderer: Renders, shared: SharedFiles
) -> list[tuple[Target, bytes]]:
    files = _render_phone(phone, site, renderer)
    shared.check(phone, files)
    made = [(_target(file, phone, site), file.data) for file in files]
    return [*made, *_stubs(phone, site, renderer)] if site.stubs else made


def _upgrade_of(
    phone: PhoneToRender, site: SiteInput, renderer: Renders, shared: SharedFiles, forms: SignedForms
) -> list[tuple[Target, bytes, str]]:
    """Return the files that a phone gets once its firmware is at the site's edges, each with the load."""
    then = site.upgrades.get(phone.mac.bare)
    if then is None:
        return []
    load = str(then.settings[LOAD_SETTING])
    files = _render_phone(then, site, renderer)
    shared.check(then, files)
    made = _in_forms(then, site, forms, [(_target(file, then, site), file.data) for file in files])
    return [(target, data, load) for target, data in made]


def _in_forms(phone: PhoneToRender, site: SiteInput, forms: SignedForms, made: Sequence[MadeFile]) -> list[MadeFile]:
    """Return a phone's files in all forms that it is to find: signed, encrypted, and plain where that is to be."""
    profiles = site.profiles.get(phone.mac.bare)
    return forms.of_phone(phone.mac, made if profiles is None else profiles.applied(phone, made))


def _check_shared(
    phone: PhoneToRender,
    site: SiteInput,
    made: Collection[tuple[Target, bytes]],
    targets: Mapping[str, Target],
    makers: Mapping[str, Mac],
) -> None:
    for target, _data in made:
        if targets.get(target.name, target) != target:
            raise FilesDisagree(
                f"phones {makers[target.name]} and {phone.mac} need different files called {target.name}",
                where=f"site {site.site_id}",
                to_do="Set the values in it for the whole site.",
            )


def _render_phone(phone: PhoneToRender, site: SiteInput, renderer: Renders) -> tuple[RenderedFile, ...]:
    try:
        return renderer.render(phone)
    except BadInput as fault:
        if str(phone.mac) in fault.where:
            raise
        place = f"phone {phone.mac} of site {site.site_id}" + (f", {fault.where}" if fault.where else "")
        raise type(fault)(fault.what, where=place, to_do=fault.to_do) from None


def _target(file: RenderedFile, phone: PhoneToRender, site: SiteInput) -> Target:
    owner = file.owner.bare if file.owner else None
    secret = file.owner is None or _may_hold_secret(file.data, phone, site)
    # What holds a secret is guarded as such, whatever its template says that it is.
    kind = TargetKind.CONFIGURATION if owner and secret else file.kind
    return Target(file.name, sha256_hex(file.data), len(file.data), kind, owner, file.reload, secret)


def _stubs(phone: PhoneToRender, site: SiteInput, renderer: Renders) -> Iterator[tuple[Target, bytes]]:
    """Yield a phone's own files without secrets; none where an own template may write one in by itself."""
    if model_of(phone.model)[0].id in site.own_templates:
        return
    stub = stub_of(phone)
    for file in _render_phone(stub, site, renderer):
        if file.owner is not None and not any(secret.encode() in file.data for secret in secrets_of(phone)):
            name = STUBS + file.name
            yield (
                Target(name, sha256_hex(file.data), len(file.data), file.kind, file.owner.bare, secret=False),
                file.data,
            )


def _may_hold_secret(data: bytes, phone: PhoneToRender, site: SiteInput) -> bool:
    """Return whether one phone's own file may hold a secret; a patch or an own template may write one in any form."""
    family, model = model_of(phone.model)
    of_lines = {name for line in phone.lines for name in line.settings if name in model.settings}
    return (
        bool(phone.patches)
        or any(form.encode() in data for secret in secrets_of(phone) for form in (secret, escape(secret, quote=True)))
        or family.id in site.own_templates
        or any(model.settings[name].secret for name in of_lines)
    )
