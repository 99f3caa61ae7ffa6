"""The hub's own keys, for those who run it: what each is for, when it ends, what is still to follow, and what to do.

A key that is changed stays beside the new one until nothing needs it. ``process/key_following.py`` goes on with that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ringfence.content.signing import ROLES
from ringfence.counted import counted
from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.data import key_changes
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data_errors import DataFolderUnusable
from ringfence.hub.errors import KeyInUse, NothingToEnd, UnknownKey
from ringfence.hub.fleet import activations, listener_certificates, resealing
from ringfence.hub.store.activation_models import ActivationRow
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import SiteRow
from ringfence.hub.store.organisation_models import FIRST, OrganisationRow
from ringfence.hub.store.release_models import RoleMetadataRow
from ringfence.hub.store.trust_models import TrustKeyRow
from ringfence.identity.certificates import fingerprint, read_certificate, validity

SEALING: Final = "sealing"
CHANGEABLE: Final = (SEALING, *ROLES)
"""The keys that are changed while the hub runs; certificates are renewed, and the CA is changed by a move."""
_DAY_S: Final = 86_400.0
_SOON_S: Final[Mapping[str, float]] = {"ca": 365 * _DAY_S, "server": 30 * _DAY_S, "people": 14 * _DAY_S}
"""How long before its end a certificate is spoken of: before the CA's, every edge must have come by."""
_MOST_LOOKED_AT: Final = 1000
_MEANINGS: Final[Mapping[str, str]] = {
    "root": "says which keys sign releases, for each site",
    "targets": "signs which files a release has; bundles too",
    "snapshot": "signs which targets belong together",
    "timestamp": "signs which release is the newest",
}
_ROTATE: Final = "ringfence hub keys rotate {key}"
_ED25519: Final = "Ed25519"
_AES: Final = "AES-256-GCM"
_BY_ITSELF: Final = "the hub renews it by itself"
_FOLLOWING: Final = "the hub goes on by itself"


@dataclass(frozen=True, slots=True)
class StandingKey:
    """A key of the hub as it stands; ``waiting`` is how many sites or sealed values still need another one's end."""

    key: str
    meaning: str
    algorithm: str
    fingerprint: str
    """What names it; nothing of the key follows from it."""
    kept_in: str
    made_at: float | None
    ends_at: float | None
    """When the certificate ends, or the first of what it has signed; None where nothing does."""
    next_step: str
    """What is done with it next, and by whom."""
    waiting: int = 0
    problem: str = ""
    """What a person has to do, in sentences; empty for nothing."""


def find(hub: Hub, now: float) -> Sequence[StandingKey]:
    """Return every key of a hub; ``hub`` has the rows of all organisations."""
    with hub.database.reading() as session:
        return [
            *_authorities(hub, now),
            *_server_certificates(hub, now),
            *_metadata_keys(hub, session),
            *_sealing_keys(hub, session),
            *_phones_trust(session, now),
        ]


def rotate(change: Change, hub: Hub, key: str, *, alone: bool = False) -> None:
    """Put a new key in the place of one; what the old one signed or sealed follows by itself, in the background.

    Args:
        change: In which it is noted.
        hub: With the rows of all organisations.
        key: One of ``CHANGEABLE``.
        alone: Whether no other process of the hub runs, each of which would go on with its own copy of the keys.

    Raises:
        UnknownKey: It is none of ``CHANGEABLE``.
        KeyInUse: The change before is not over, or other processes may have copies of the keys.
    """
    if key not in CHANGEABLE:
        raise UnknownKey(
            f"{key[:40]!r} is no key that is changed so", where="ringfence hub keys list",
            to_do=f"There are: {', '.join(CHANGEABLE)}. The CA is changed by a move: ringfence hub move DIR "
            "--new-authority.",
        )  # fmt: skip
    folder = _folder(hub)
    if hub.turn.is_shared and not alone and not (folder.keys.is_symlink() or folder.keys.is_mount()):
        raise KeyInUse(
            "other processes of this hub may have copies of keys/, and would go on with the old key",
            where=str(folder.keys),
            to_do="Have one keys/ for all of them (docs/keys.md). Or stop the others, add --alone, and copy keys/ to "
            "them before they start.",
        )
    if key == "root" and hub.signers.former_root is not None:
        late = _late_sites(change.session, hub)
        raise KeyInUse(
            f"the root key is being changed: {counted(late, 'site')} still to follow",
            to_do="Wait until none is left: ringfence hub keys list",
        )
    if key == SEALING and len(hub.sealer.keys.ciphers) >= key_changes.MOST_SEALING_KEYS:
        raise KeyInUse(
            f"there are {key_changes.MOST_SEALING_KEYS} sealing keys, the most that a hub keeps",
            to_do="Retire the old ones first: ringfence hub keys retire",
        )
    change.note("hub-key.rotate", key)
    change.session.flush()
    if key == SEALING:
        key_changes.add_sealing_key(folder, change.now)
    else:
        key_changes.replace_metadata_key(folder, key, change.now)


def retire(hub: Hub, who: str, *, leaves_broken: bool = False) -> int:
    """Remove the sealing keys before the newest, once nothing is sealed by them; return how many they were.

    Args:
        hub: With the rows of all organisations.
        who: Who asks for it, for the audit log.
        leaves_broken: Whether values that can't be opened with any key may stay as they are.

    Raises:
        NothingToEnd: There is none.
        KeyInUse: Something is sealed by one still.
    """
    folder, former = _folder(hub), hub.sealer.keys.former_ids
    if not former:
        raise NothingToEnd("there is one sealing key alone", to_do="Make another: ringfence hub keys rotate sealing")
    with hub.database.reading() as session:
        waiting = sum(resealing.left(session, former).values())
    broken = resealing.go_on(hub, names_broken=True).broken if 0 < waiting <= _MOST_LOOKED_AT else 0
    with hub.change(who) as change:
        waiting = sum(resealing.left(change.session, former).values())
        if waiting > broken or (waiting and not leaves_broken):
            raise KeyInUse(
                f"{counted(waiting, 'value is', 'values are')} still sealed by a key that is to go"
                + (f"; {broken} of them can't be opened" if broken else ""),
                to_do="Those that can't be opened are named in the hub's log: set them again, or leave them behind "
                "with --leave-broken." if broken else "The hub seals them again by itself: ringfence hub keys list",
            )  # fmt: skip
        is_open = activations.is_open(change.now)
        codes = change.session.scalar(select(func.count()).select_from(ActivationRow).where(is_open)) or 0
        change.note(
            "hub-key.retire", SEALING, f"{counted(len(former), 'key')}: {', '.join(each.hex() for each in former)}"
        )
        change.session.flush()
        key_changes.drop_former_sealing_keys(folder, keeps_fingerprints=codes > 0)
    return len(former)


def _folder(hub: Hub) -> DataFolder:
    if hub.folder is None:
        raise DataFolderUnusable("this hub has no data folder", to_do="Run it from one: ringfence hub run DIR")
    return hub.folder


def _late_sites(session: Session, hub: Hub) -> int:
    late = SiteRow.keys_digest != hub.signers.named.digest
    return session.scalar(select(func.count()).select_from(SiteRow).where(late)) or 0


def _authorities(hub: Hub, now: float) -> Iterator[StandingKey]:
    change, end = "ringfence hub move DIR --new-authority", "ringfence hub move DIR --end, once all have followed"
    both = hub.next_authority is not None
    yield _certified(
        "ca", "issues the certificates of edges, concentrators and the hub, which pin it", hub.authority.certificate,
        "authority.pem, keys/authority.key", end if both else change, now,
    )  # fmt: skip
    if hub.next_authority is not None:
        yield _certified(
            "next-ca", "takes the CA's place: edges' next certificates are of it", hub.next_authority.certificate,
            "keys/next-authority.pem, keys/next-authority.key", end, now,
        )  # fmt: skip


def _server_certificates(hub: Hub, now: float) -> Iterator[StandingKey]:
    if hub.folder is None:
        return
    own = hub.config.people_certificate
    seen_by = "edges" if own else "edges and browsers"
    files = [("server", f"is what {seen_by} see", "keys/server.pem", _BY_ITSELF)]
    if own:
        files.append(("people", "is what browsers see", own, "whatever renews the file, such as certbot"))
    for key, meaning, file, step in files:
        try:
            certificate = read_certificate((hub.folder.path / file).read_text("ascii"))
        except (OSError, ValueError, RingfenceError):
            yield StandingKey(key, meaning, "", "", file, None, None, step, problem=f"{file} can't be read.")
            continue
        yield _certified(key, meaning, certificate, file, step, now)
    for each in listener_certificates.find(hub, now):
        key = "old-phones" if each.is_for_old else "phones"
        yield StandingKey(
            key, f"is {each.seen_by[0].lower()}{each.seen_by[1:]}", "", each.fingerprint, "hub.toml says where", None,
            each.ends_at, each.renewed_by, problem=each.problem,
        )  # fmt: skip


def _certified(key: str, meaning: str, certificate: x509.Certificate, file: str, step: str, now: float) -> StandingKey:
    begins_at, ends_at = validity(certificate)
    soon_s = _SOON_S.get(key, _SOON_S["ca"])
    problem = ""
    if now >= ends_at:
        problem = f"It has ended. What to do: {step}."
    elif now >= ends_at - soon_s:
        problem = f"It ends in {counted(int((ends_at - now) // _DAY_S), 'day')}. What to do: {step}."
    name = _algorithm(certificate)
    return StandingKey(key, meaning, name, fingerprint(certificate), file, begins_at, ends_at, step, problem=problem)


def _algorithm(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {key.curve.name}"
    return f"RSA {key.key_size}" if isinstance(key, rsa.RSAPublicKey) else type(key).__name__.removeprefix("_")


def _metadata_keys(hub: Hub, session: Session) -> Iterator[StandingKey]:
    signers, late, made = hub.signers, _late_sites(session, hub), _made(hub, session)
    newest = (
        select(RoleMetadataRow.role, func.max(RoleMetadataRow.expires_at).label("ends_at"))
        .group_by(RoleMetadataRow.role, RoleMetadataRow.site_id)
        .subquery()
    )
    first = select(newest.c.role, func.min(newest.c.ends_at)).group_by(newest.c.role)
    ends = {str(role): ends_at for role, ends_at in session.execute(first)}
    for role in ROLES:
        yield StandingKey(
            role, _MEANINGS[role], _ED25519, str(getattr(signers.named, role)), f"keys/metadata-{role}.key",
            made.get(role, made[""]), ends.get(role), _FOLLOWING if late else _ROTATE.format(key=role), late,
        )  # fmt: skip
    if signers.former_root is not None:
        yield StandingKey(
            "root-before", "signs the roots that lead to the new root key", _ED25519,
            signers.former_root.public_key.keyid, "keys/metadata-root-before.key", made[""], None, _FOLLOWING, late,
        )  # fmt: skip


def _sealing_keys(hub: Hub, session: Session) -> Iterator[StandingKey]:
    keys, made = hub.sealer.keys, _made(hub, session)
    former = resealing.left(session, keys.former_ids)
    names = [(keys.newest, SEALING), *((each, "sealing-before") for each in former)]
    for key_id, name in names:
        waiting = former.get(key_id, 0)
        step = _ROTATE.format(key=SEALING)
        if name != SEALING:
            step = _FOLLOWING if waiting else "ringfence hub keys retire"
        meaning = "seals secrets in the database" if name == SEALING else "opens what is sealed by it still"
        made_at = made.get(f"sealing {key_id.hex()}", made[""])
        yield StandingKey(name, meaning, _AES, key_id.hex(), "keys/sealing.key", made_at, None, step, waiting)
    codes = len(keys.fingerprint_keys) - len(keys.ciphers)
    yield StandingKey(
        "fingerprints", "finds activation codes; follows from the sealing keys"
        + (f", and from {counted(codes, 'key')} that {'is' if codes == 1 else 'are'} gone" if codes else ""),
        "HMAC-SHA-256", "", "keys/fingerprint.key" if codes else "keys/sealing.key", made[""], None,
        "changes with the sealing key",
    )  # fmt: skip


def _phones_trust(session: Session, now: float) -> Iterator[StandingKey]:
    chosen = select(TrustKeyRow.role, func.count(), func.min(TrustKeyRow.made_at), func.min(TrustKeyRow.ends_at))
    in_use = TrustKeyRow.state == "current"
    for role, count, made_at, ends_at in session.execute(chosen.where(in_use).group_by(TrustKeyRow.role)):
        yield StandingKey(
            f"trust-{role}", f"phones' trust, in {counted(count, 'organisation')}", "RSA", "", "ringfence trust show",
            made_at, ends_at, f"ringfence trust rotate {role}", problem="One has ended." if ends_at < now else "",
        )  # fmt: skip


def _made(hub: Hub, session: Session) -> Mapping[str, float]:
    """Return when keys were made by their names; by the empty one, when the hub was."""
    begun = session.scalar(select(OrganisationRow.created_at).where(OrganisationRow.id == FIRST)) or 0.0
    return {"": begun, **(key_changes.dates(hub.folder) if hub.folder is not None else {})}
