"""Evidence and a decision for each request: gathers what is known about the sender from recent events.

Every server of files can use it: the serving worker, or a listener at the hub. It reads no clock and no socket: the
moment is an argument, the links are a port, and what was observed on the network (``OnTheWire``) comes with the
request. The caller decides whether to wait for that. Everything kept here is recent and bounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from cachetools import FIFOCache
from msgspec.structs import replace

from ringfence.guard.asking import HTTP, TFTP, Asking
from ringfence.guard.bans import Bans
from ringfence.guard.behaviour import Asked, Watch, judge
from ringfence.guard.decision import Decision, FileRequest, HeldFile, Operation, decide
from ringfence.guard.evidence import (
    AskedDhcp,
    Contradiction,
    CredentialShown,
    CredentialState,
    Evidence,
    OnTheWire,
    PlaceConflict,
    Shown,
)
from ringfence.guard.findings import Finding
from ringfence.guard.guarded_site import GuardedSite
from ringfence.guard.levels import Level
from ringfence.guard.moment import Moment
from ringfence.guard.places import Places
from ringfence.guard.policy import is_inside
from ringfence.guard.port_keys import proved_key
from ringfence.guard.windows import Window
from ringfence.phones.credentials import credential_user
from ringfence.phones.filenames import owner_of

MOST_REMEMBERED = 4096
FETCHES_ON_S = 1800.0
"""How long, after it took its own file, a phone may take to fetch what that file names: firmware most of all."""
Site = TypeVar("Site", bound=GuardedSite)


class NeighbourTable(Protocol):
    """The links' neighbour tables as they were at one moment."""

    def shown_for(self, host: str) -> Sequence[Shown]:
        """Return the MAC addresses that links show for an address, each with its link."""

    def is_proven_at(self, mac: str, host: str) -> bool:
        """Return whether the MAC address has just answered for that address."""


class LinkKnowledge(Protocol):
    """What the machine knows of its own links; ``now`` is a moment's ``mono``."""

    def neighbours(self, now: float) -> NeighbourTable:
        """Return the neighbour tables."""

    def has(self, host: str, now: float) -> bool:
        """Return whether an address is one of a network of this machine's own links."""

    def resolve(self, host: str) -> None:
        """Have the machine find out who has an address; ``neighbours`` tells, some moments later."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """Where and when a phone last took its own file."""

    site: str
    at: float


class Evaluation(Generic[Site]):
    """Knows the sites that are served, and who asked for what recently. ``no_site`` is used for requests of no site."""

    def __init__(self, no_site: Site, links: LinkKnowledge | None = None) -> None:
        self.sites: dict[str, Site] = {}
        self.bans = Bans()
        self._no_site = no_site
        self._links = links
        self._watch = Watch()
        self._places = Places()
        self._taken_at: FIFOCache[str, float] = FIFOCache(MOST_REMEMBERED)
        self._fingerprints: FIFOCache[str, AskedDhcp] = FIFOCache(MOST_REMEMBERED)
        self._taken_from: FIFOCache[str, _Taken] = FIFOCache(MOST_REMEMBERED)
        self.asks_for_credentials = False
        """Whether some site's phones have credentials."""
        self.is_discreet = False
        """Whether some site needs evidence: then nothing about a refusal may tell what it was for."""

    def on_rules(self) -> None:
        """Read the sites' rules again."""
        self.asks_for_credentials = any(site.rules.credentials for site in self.sites.values())
        self.is_discreet = any(site.policy.asks_for_evidence for site in self.sites.values())
        self.bans.replace_peoples(ban for site in self.sites.values() for ban in site.rules.bans)
        for lifted in (each for site in self.sites.values() for each in site.rules.lifted):
            self.bans.lift(lifted.host, lifted.until)

    # -- whose request it is ----------------------------------------------------------------------------------

    def site_for(self, name: str, host: str, moment: Moment) -> Site:
        """Return which site a request is about, whatever its name is.

        A phone's own file belongs to the site that has the phone. Any other file belongs to the site where the address
        took a phone's file before, or to the site whose network the address is known to be in.
        """
        if len(self.sites) == 1:
            return next(iter(self.sites.values()))
        owner = owner_of(name)
        if owner is not None:
            for site in self.sites.values():
                if owner.bare in site.known_owners:
                    return site
        taken = self._taken_from.get(host)
        if taken is not None and taken.site in self.sites:
            return self.sites[taken.site]
        known = (site for site in self.sites.values() if site.rules.why_known(host, moment.wall))
        return next(known, self._no_site)

    def has_phone(self, mac: str) -> bool:
        """Return whether some site has that phone."""
        return any(mac in site.known_owners for site in self.sites.values())

    # -- decisions --------------------------------------------------------------------------------------------

    def note(self, asking: Asking, moment: Moment) -> None:
        """Remember that somebody asked."""
        asked = Asked(moment.mono, asking.name[:255], asking.protocol, asking.options, asking.user_agent)
        self._watch.note(asking.host, asked)

    def note_guess(self, asking: Asking, moment: Moment) -> int:
        """Remember a name of a phone that does not exist; return how many of these the source asked for recently."""
        return self._watch.note_guess(asking.host, asking.name[:255], moment.mono)

    def needs_the_wire(self, site: Site, held: HeldFile) -> bool:
        """Return whether what is heard on the wire may change the answer."""
        return site.needed(held) >= Level.L2 and held.owner is not None

    def decide(
        self,
        asking: Asking,
        site: Site,
        held: HeldFile | None,
        moment: Moment,
        heard: OnTheWire | None = None,
        *,
        watches_frames: bool = False,
        operation: Operation = Operation.READ,
    ) -> Decision:
        """Judge a request for what is ``held`` under its name.

        Args:
            asking: the request.
            site: whose files are asked for.
            held: what the catalogue holds under that name; None for nothing.
            moment: now.
            heard: what was observed on the network in time.
            watches_frames: whether frames are watched, so that one must have been seen of every request over TFTP.
            operation: what is asked for.
        """
        request = FileRequest(asking.name, asking.host, operation)
        if held is None:
            known = Evidence(site.known_owners, ttl=asking.ttl, certificate_of=asking.certificate_of)
        else:
            known = self._evidence(asking, site, held, moment, heard, watches_frames=watches_frames)
        return decide(request, held, known, site.policy, site.name)

    def look_for(self, decision: Decision, held: HeldFile | None) -> bool:
        """Have the machine find out who has the address that was refused because no link knows it.

        This is so after the machine's restart: phones know its address still, and ask without being asked who they are.
        Return whether it is worth while: the request's own frame came from the phone, so that only the table's word is
        missing, which is there when the phone asks again.
        """
        known, owner = decision.evidence, held.owner if held is not None else None
        is_phone = known.on_link and bool(known.frames) and all(seen.mac == owner for seen in known.frames)
        if self._links is None or decision.finding is not Finding.NOT_ON_LINK or not is_phone:
            return False
        self._links.resolve(decision.request.source_host)
        return True

    def is_still_there(self, site: Site, held: HeldFile, host: str, moment: Moment) -> bool:
        """Return whether ``host`` may have a file's next bytes: its address may be another machine's meanwhile."""
        if held.owner is None:
            return True
        if site.policy.windows:
            is_by_level = held.sealed or site.needed(held) <= Level.L2
            return is_by_level or site.windows.was_last(held.owner, host)
        if self._links is None or site.needed(held) is not Level.L3:
            return True
        shown = self._links.neighbours(moment.mono).shown_for(host)
        return {each.mac for each in shown} == {held.owner}

    def is_known(self, site: Site, host: str, moment: Moment) -> bool:
        """Return whether an address is in a network that is known to be a site's, where several phones may be."""
        if site.policy.networks and is_inside(host, site.policy.networks):
            return True
        return bool(site.rules.why_known(host, moment.wall) or self._why_known_here(site, host, moment))

    def _evidence(
        self,
        asking: Asking,
        site: Site,
        held: HeldFile,
        moment: Moment,
        heard: OnTheWire | None,
        *,
        watches_frames: bool,
    ) -> Evidence:
        needed, owner, host = site.needed(held), held.owner, asking.host
        owners, is_new = site.known_owners, held.owner in site.policy.never_admitted
        if needed is Level.L0 and not is_new:
            return Evidence(known_owners=owners, ttl=asking.ttl)
        learned = site.rules.why_known(host, moment.wall) or self._why_known_here(site, host, moment)
        links, wire = self._links, heard or OnTheWire()
        # On the internet one's own link is the provider's, and whoever else is on it no phone of the site's.
        on_link = links is not None and not site.policy.windows and links.has(host, moment.mono)
        if needed <= Level.L1 and not is_new:
            return Evidence(
                owners, on_link, learned, ttl=asking.ttl, holds_key=asking.holds_key,
                certificate_of=asking.certificate_of, known_by=asking.known_by,
            )  # fmt: skip
        neighbours = links.neighbours(moment.mono) if links is not None else None
        shown = tuple(neighbours.shown_for(host)) if neighbours is not None else ()
        needs_frames = watches_frames and asking.protocol == TFTP
        proved = proved_key(wire, shown, asking.ttl, needs_frames=needs_frames)
        if proved is not None and proved.mac not in ((owner,) if owner is not None else owners):
            proved = None
        so_far = Evidence(
            known_owners=owners,
            on_link=on_link,
            learned=learned,
            neighbours=shown,
            frames=wire.frames,
            # A connection's first frame may be long ago; each datagram has one of its own.
            asked_frames=needs_frames,
            ttl=asking.ttl,
            lease=wire.lease,
            announced=wire.announced,
            dhcp=wire.dhcp,
            grant=site.windows.grant_for(owner, moment.wall) if owner is not None else None,
            holds_key=asking.holds_key or proved is not None,
            proved=proved,
            credential=_credential_shown(asking, site, owner),
            certificate_of=asking.certificate_of,
            known_by=asking.known_by,
        )
        if owner is None:
            return so_far  # every phone's of the site: no place and no habits of one
        return self._with_what_was_before(so_far, site, owner, host, moment, neighbours)

    def _with_what_was_before(
        self,
        so_far: Evidence,
        site: Site,
        owner: str,
        host: str,
        moment: Moment,
        neighbours: NeighbourTable | None,
    ) -> Evidence:
        """Return evidence with where the phone was, and with how its source has behaved."""
        now = moment.mono
        place = self._places.place_of(owner, host)
        still_there = place is not None and neighbours is not None and neighbours.is_proven_at(owner, place.host)
        conflict = self._places.conflict(owner, host, so_far, is_still_there=still_there, now=now)
        if conflict is None and owner in site.rules.elsewhere:
            conflict = PlaceConflict(Contradiction.TWO_SITES, site.rules.elsewhere[owner])
        taken_at = self._taken_at.get(owner)
        behaviour = judge(
            owner,
            self._watch.of(host, now),
            site.rules.habits.get(owner),
            so_far,
            last_boot_s=None if taken_at is None else now - taken_at,
            fingerprint=self._fingerprints.get(owner),
        )
        return replace(so_far, behaviour=behaviour, conflict=conflict)

    def _why_known_here(self, site: Site, host: str, moment: Moment) -> str:
        """Return why an address on the internet is known before the hub says so; empty if it is not."""
        taken = self._taken_from.get(host)
        if taken is None or taken.site != site.id or not site.policy.windows:
            return ""
        has_just = moment.mono - taken.at < FETCHES_ON_S
        return "a phone of the site just took its file from there" if has_just else ""

    # -- what came of it --------------------------------------------------------------------------------------

    def on_begun(self, site: Site, held: HeldFile, asking: Asking, moment: Moment) -> Window | None:
        """Note that a file is about to go out; over TCP its peer has answered already."""
        if held.owner is None or not site.policy.windows:
            return None
        site.windows.on_asked(held.owner, asking.host, moment.wall)
        if asking.protocol == HTTP:
            return site.windows.on_round_trip(held.owner, asking.host, moment.wall, for_certain=True)
        return None

    def on_round_trip(self, site: Site, held: HeldFile, host: str, moment: Moment) -> Window | None:
        """Note that the peer of a transfer has answered; return the window that it binds by that."""
        if held.owner is None or not site.policy.windows:
            return None
        return site.windows.on_round_trip(held.owner, host, moment.wall)

    def on_taken(self, site: Site, owner: str, host: str, evidence: Evidence, moment: Moment) -> None:
        """Note that a phone has received one of its own files completely."""
        self._places.note(owner, host, evidence, moment.mono)
        self._taken_at[owner] = moment.mono
        if evidence.dhcp is not None:
            self._fingerprints[owner] = evidence.dhcp
        self._taken_from[host] = _Taken(site.id, moment.mono)


def _credential_shown(asking: Asking, site: GuardedSite, owner: str | None) -> CredentialShown | None:
    """Return what came of the credential of the phone that owns the file; every key is tried, right or not."""
    keys = site.rules.credentials.get(owner or "", ())
    if not keys or owner is None or asking.protocol != HTTP:
        return None
    given = asking.credential
    if given is None:
        return CredentialShown(CredentialState.MISSING)
    right = [key.serial for key in keys if given.is_made_with(key.ha1)]
    if not right or given.user != credential_user(owner):
        return CredentialShown(CredentialState.WRONG)
    return CredentialShown(CredentialState.RIGHT, max(right))
