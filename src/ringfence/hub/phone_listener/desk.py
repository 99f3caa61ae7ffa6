"""What the hub decides of a request at the listener: who asks, what the guard says, which file goes out.

Invariants:

- The guard's table decides, the same as at an edge (``guard/decision.py``); every decision goes into the same log.
- A phone gets its own files, and those for all phones of its site; whoever else's it asks for is told of by name.
- Whoever asks for the files of too many other phones gets nothing for a while: a certificate, or an address without.
- All refusals are one answer on the wire.
- An IPv6 network of 64 bits is one address: whoever has one may send from each.
"""

import threading
from dataclasses import dataclass, replace

from cachetools import FIFOCache

from ringfence.content.errors import BadName
from ringfence.content.names import normalise
from ringfence.content.release import Target
from ringfence.guard.asking import HTTP, Asking
from ringfence.guard.bans import Ban, Bans
from ringfence.guard.decision import Decision, HeldFile
from ringfence.guard.evaluation import Evaluation
from ringfence.guard.findings import Finding
from ringfence.guard.moment import Moment
from ringfence.guard.record import to_text
from ringfence.guard.serving_profile import ServingProfile
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.data_errors import BlobUnavailable
from ringfence.hub.fleet import phone_certificates
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.phone_https import PREFIX, UrlKeyUse
from ringfence.hub.phone_listener.callers import AskingPhone, Callers
from ringfence.hub.phone_listener.guarded_sites import FileOfRelease, GuardedSites, ListenedSite
from ringfence.hub.phone_listener.messages import DeliverFile, FileAsked, FileSent, HandshakeFailed
from ringfence.hub.phone_listener.process import GivenFile
from ringfence.hub.phone_listener.told import Note, ToldOfPhones
from ringfence.hub.source_address import one_caller
from ringfence.hub.store.change import Change
from ringfence.phones.errors import CertificateRefused
from ringfence.phones.filenames import owner_of
from ringfence.phones.mac import Mac
from ringfence.phones.trust.phone_certificates import KeyProof, PhoneCertificate
from ringfence.printable import printable
from ringfence.server.http.requests import name_of
from ringfence.wire.messages import Report, ReportKind

MOST_GOING_OUT = 4096
NOTED_EVERY_S = 3600.0
_MOST_NOTED = 4096
_LONGEST_NAME = 80
_NOT_ITS_OWN = frozenset({Finding.UNKNOWN_PHONE, Finding.LEVEL_TOO_LOW, Finding.OTHER_CERTIFICATE})

_log = logs.get("phone-listener")


@dataclass(frozen=True, slots=True)
class _FileGoingOut:
    """A file on its way to a phone."""

    caller: AskingPhone
    report: Report


class ListenerDesk:
    """Answers the processes that listen to phones.

    Args:
        hub: The hub, of any organisation.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._callers, self._sites, self.told = Callers(hub), GuardedSites(), ToldOfPhones()
        self._evaluation: Evaluation[ListenedSite] = Evaluation(ListenedSite("", "here"))
        self._bans = Bans()
        self._going_out: FIFOCache[tuple[bool, int], _FileGoingOut] = FIFOCache(MOST_GOING_OUT)
        self._noted: FIFOCache[tuple[str, str], float] = FIFOCache(_MOST_NOTED)
        self._lock = threading.Lock()

    def on_asked(self, asked: FileAsked, *, at_old: bool) -> GivenFile | None:
        """Return the file that a phone gets; None for nothing."""
        now = self._hub.clock()
        name = _name(asked.target)
        if name is None:
            return None
        with self._lock:
            key, name = _key_and_name(name)
            if key and self._bans.of(one_caller(asked.host), now) is not None:
                return None
            caller = (
                self._callers.by_key(UrlKeyUse(key, asked.host, asked.user_agent))
                if key
                else self._callers.of(asked, name, at_old=at_old, now=now)
            )
            if caller is None and key:
                self._count_guess(asked.host, key, now)
                return None
            if caller is None:
                self._count_stranger(asked.host, name, now)
                return None
            ban = self._bans.of(_who(caller, asked.host), now)
            if ban is not None:
                return None
            return self._decide(asked, name, caller, now, at_old=at_old)

    def on_sent(self, sent: FileSent, *, at_old: bool) -> None:
        """Report a file that a phone took, or did not take."""
        with self._lock:
            out = self._going_out.pop((at_old, sent.number), None)
        if out is None:
            return
        kind = ReportKind.FILE_SERVED if sent.is_whole else ReportKind.TRANSFER_FAILED
        report = replace(out.report, kind=kind, size_bytes=sent.size_bytes, duration_s=sent.duration_s)
        self.told.tell(out.caller.hub, out.caller.site_id, report, self._note_of(out.caller))

    def on_failed(self, failed: HandshakeFailed) -> None:
        """Log that TLS with somebody came to nothing: nobody knows whose phone that was."""
        what = "a certificate of no CA that counts" if failed.is_foreign else failed.reason
        _log.warning("no TLS with a phone", source=failed.host, problem=what)

    def flush(self) -> None:
        """Store what was told."""
        self.told.flush(self._hub.clock())

    # -- one request ------------------------------------------------------------------------------------------

    def _decide(
        self, asked: FileAsked, name: str, caller: AskingPhone, now: float, *, at_old: bool
    ) -> GivenFile | None:
        profile = ServingProfile.UNPROVEN if caller.known_by else ServingProfile.LISTENER
        site, found = self._sites.of(caller.hub, caller.site_id, name, profile)
        if any(ban.host == asked.host and now < ban.until for ban in site.rules.bans):
            return None
        held = _held(found.target) if found is not None else None
        asking = _asking(asked, name, caller, held, site)
        decision = self._evaluation.decide(asking, site, held, Moment(now, now))
        if decision.allow and found is not None:
            return self._give(asked, caller, decision, held, found, at_old=at_old)
        self._refuse(asked, caller, decision, held, site, now)
        return None

    def _give(
        self, asked: FileAsked, caller: AskingPhone, decision: Decision, held: HeldFile | None, found: FileOfRelease, *,
        at_old: bool,
    ) -> GivenFile | None:  # fmt: skip
        target = found.target
        try:
            descriptor = caller.hub.blobs.open_file(target.digest)
        except BlobUnavailable as fault:
            _log.error("a file for a phone can't be read", problem=str(fault))
            return None
        report = _report(asked, caller, decision, held, self._hub.clock(), found.release)
        self._going_out[at_old, asked.number] = _FileGoingOut(caller, report)
        return GivenFile(DeliverFile(asked.number, target.name, target.length, target.digest), descriptor)

    def _refuse(
        self,
        asked: FileAsked,
        caller: AskingPhone,
        decision: Decision,
        held: HeldFile | None,
        site: ListenedSite,
        now: float,
    ) -> None:
        report = _report(asked, caller, decision, held, now, 0)
        if report.owner not in site.phones:
            report = replace(report, owner="")  # it is no word about a phone of another site
        note = _refusal_note(caller, caller.refusal, asked.host) if caller.refusal is not None else None
        owner = owner_of(decision.request.name)
        if decision.finding in _NOT_ITS_OWN and owner is not None and owner != caller.phone:
            ban = self._bans.on_strike(_who(caller, asked.host), owner.bare, now)
            if ban is not None:
                self.told.tell(caller.hub, caller.site_id, None, _enumeration_note(caller, asked.host, ban))
        self.told.tell_refusal(caller.hub, caller.site_id, report, note)

    def _count_stranger(self, host: str, name: str, now: float) -> None:
        """Count somebody who asks for a phone that this hub does not have, and proves to be none."""
        owner, sender = owner_of(name), one_caller(host)
        if owner is None or self._bans.of(sender, now) is not None:
            return
        if self._bans.on_strike(sender, owner.bare, now) is not None:
            _log.warning("somebody guesses phones at the listener, and gets nothing for a while", source=host)

    def _count_guess(self, host: str, key: str, now: float) -> None:
        """Count somebody who uses a key in a URL that is none."""
        if self._bans.on_strike(one_caller(host), key, now) is not None:
            _log.warning("somebody guesses keys at the listener, and gets nothing for a while", source=host)

    def _note_of(self, caller: AskingPhone) -> Note | None:
        """Return what stores the certificate that a phone has shown, once in a while."""
        if caller.phone is None or caller.certificate is None:
            return None
        key, now = (caller.hub.organisation_id, caller.phone.bare), self._hub.clock()
        with self._lock:
            if 0 <= now - self._noted.get(key, -NOTED_EVERY_S) < NOTED_EVERY_S:
                return None
            self._noted[key] = now
        return _certificate_note(caller.phone, caller.certificate)


def _name(target: str) -> str | None:
    raw = name_of(target.encode("latin-1", "replace"))
    if raw is None:
        return None
    try:
        raw.encode()
        return normalise(raw)
    except (BadName, UnicodeEncodeError):
        return None


def _key_and_name(name: str) -> tuple[str, str]:
    """Return the key in a URL's path, empty if it has none, and the file's name."""
    first, _slash, rest = name.partition("/")
    key, _slash, file = rest.partition("/")
    return (key, file) if first == PREFIX and key and file else ("", name)


def _who(caller: AskingPhone, host: str) -> str:
    """Return whom a ban is about: the holder of a certificate, otherwise an address."""
    return f"{caller.hub.organisation_id}/{caller.phone.bare}" if caller.phone is not None else one_caller(host)


def _held(target: Target) -> HeldFile:
    return HeldFile(target.kind, target.owner, target.secret, target.sealed)


def _asking(asked: FileAsked, name: str, caller: AskingPhone, held: HeldFile | None, site: ListenedSite) -> Asking:
    phone = caller.phone.bare if caller.phone is not None else ""
    is_its = held is not None and held.owner in {None, phone} and phone not in site.policy.blocked
    has_certificate = caller.certificate is not None
    return Asking(
        name, asked.host, asked.port, HTTP, user_agent=asked.user_agent, holds_key=has_certificate and is_its,
        certificate_of=phone if has_certificate else "", known_by=caller.known_by if is_its else "",
    )  # fmt: skip


def _report(
    asked: FileAsked, caller: AskingPhone, decision: Decision, held: HeldFile | None, now: float, release: int
) -> Report:
    named = held.owner if held is not None else None
    owner = named or (other.bare if (other := owner_of(decision.request.name)) is not None else "")
    sentence = decision.sentence
    if caller.refusal is not None and not decision.allow:
        sentence = (
            f"Refused {printable(decision.request.name, _LONGEST_NAME)} to {asked.host}: {_told(caller.refusal)}."
        )
    return Report(
        seq=0, at=now, kind=ReportKind.FILE_HELD_BACK if decision.verdict == "delay" else ReportKind.FILE_REFUSED,
        sentence=sentence, name=decision.request.name, owner=owner, peer=asked.host, release=release,
        finding=decision.finding.value, level=decision.reached.name, decision=to_text(decision, held),
    )  # fmt: skip


def _told(fault: CertificateRefused) -> str:
    return f"{fault.what} ({fault.where})" if fault.where else fault.what


def _certificate_note(phone: Mac, shown: PhoneCertificate) -> Note:
    def note(change: Change) -> None:
        phone_certificates.take(change, phone, shown.kind, shown.certificate, KeyProof.FRESH)

    return note


def _refusal_note(caller: AskingPhone, fault: CertificateRefused, host: str) -> Note:
    def note(change: Change) -> None:
        sentence = f"What asked by HTTPS from {host} was refused: {_told(fault)}."
        alerts.raise_alert(change, caller.site_id, alerts.PHONE_KEY_REFUSED, host, sentence, peer=host)

    return note


def _enumeration_note(caller: AskingPhone, host: str, ban: Ban) -> Note:
    subject = caller.phone.bare if caller.phone is not None else host
    who = f"Whoever holds the key of phone {caller.phone}" if caller.phone is not None else "Somebody"
    sentence = (
        f"{who} asked from {host} by HTTPS for the files of other phones, and gets nothing for a while: {ban.why}."
    )
    if caller.phone is not None:
        sentence += f" Was the phone stolen? To shut it out: ringfence guard block {caller.phone}."

    def note(change: Change) -> None:
        alerts.raise_alert(change, caller.site_id, alerts.HTTPS_ENUMERATION, subject, sentence, peer=host)

    return note
