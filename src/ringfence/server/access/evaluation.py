"""Evidence and a decision for each request: what this process knows by itself, and what its parent adds to it.

The parent hears frames and knows leases (``OnTheWire``); whether to wait for it is the gate's business. Everything kept
here is bounded, and is only about what happened lately.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from ringfence.content.names import normalise
from ringfence.guard.bans import Bans
from ringfence.guard.behaviour import Asked, Watch, judge
from ringfence.guard.decision import (
    Decision,
    FileRequest,
    Operation,
    decide,
)
from ringfence.guard.evidence import (
    AskedDhcp,
    Contradiction,
    Evidence,
    OnTheWire,
    PlaceConflict,
)
from ringfence.guard.levels import Level
from ringfence.guard.places import Places
from ringfence.guard.policy import is_inside
from ringfence.guard.windows import Window
from ringfence.phones.filenames import owner_of
from ringfence.server.access.neighbours import Links
from ringfence.server.access.served_site import ServedSite
from ringfence.server.events import HTTP, TFTP, Protocol
from ringfence.server.files.catalogue import OfferedFile

MOST_REMEMBERED = 4096
FETCHES_ON_S = 1800.0
"""How long, after it took its own file, a phone may take to fetch what that file names: firmware most of all."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asking:
    """One request as a front end took it in; ``ttl`` is that of its datagram, where it is known."""

    name: str
    host: str
    port: int
    protocol: Protocol = TFTP
    ttl: int | None = None
    options: tuple[str, ...] = ()
    user_agent: str = ""
    is_beyond_budget: bool = False
    """Whether it may only be answered with its file: a refusal would tell that the phone it names is there."""


class Judge:
    """Knows the sites that are served, and who asked for what lately."""

    def __init__(self, links: Links | None = None) -> None:
        self.sites: dict[str, ServedSite] = {}
        self.bans = Bans()
        self._links = links
        self._watch = Watch()
        self._places = Places()
        self._taken_at: OrderedDict[str, float] = OrderedDict()
        self._fingerprints: OrderedDict[str, AskedDhcp] = OrderedDict()
        self._site_of: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self.is_discreet = False
        """Whether some site needs evidence: then nothing about a refusal may tell what it was for."""

    def on_rules(self) -> None:
        """Look at the sites' rules anew."""
        self.is_discreet = any(site.policy.asks_for_evidence for site in self.sites.values())
        self.bans.replace_peoples(ban for site in self.sites.values() for ban in site.rules.bans)
        for lifted in (each for site in self.sites.values() for each in site.rules.lifted):
            self.bans.lift(lifted.host, lifted.until)

    # -- whose request it is ----------------------------------------------------------------------------------

    def find(self, name: str, host: str) -> tuple[ServedSite, OfferedFile | None]:
        """Return which site a request is about, and its file of that name, if any. BadName, NotNow.

        A phone's own file belongs to the site that has the phone. Any other is that site's where the address took a
        phone's file before, or whose network it is known to be.
        """
        normal = normalise(name)
        site = self.site_for(normal, host)
        return site, site.holdings.find(normal)

    def site_for(self, name: str, host: str) -> ServedSite:
        """Return which site a request is about, whatever its name is."""
        if len(self.sites) == 1:
            return next(iter(self.sites.values()))
        owner = owner_of(name)
        if owner is not None:
            for site in self.sites.values():
                if owner.bare in site.holdings.known_owners:
                    return site
        taken = self._site_of.get(host)
        if taken is not None and taken[0] in self.sites:
            return self.sites[taken[0]]
        at = time.time()
        return next((site for site in self.sites.values() if site.rules.why_known(host, at)), _NO_SITE)

    def has_phone(self, mac: str) -> bool:
        """Say whether some site has that phone."""
        return any(mac in site.holdings.known_owners for site in self.sites.values())

    # -- decisions ---------------------------------------------------------------------------------------------

    def note(self, asking: Asking, now: float) -> None:
        """Remember that somebody asked."""
        self._watch.note(asking.host, Asked(now, asking.name[:255], asking.protocol, asking.options, asking.user_agent))

    def note_guess(self, asking: Asking, now: float) -> int:
        """Remember a name of a phone that nobody has; return how many of them the source has asked for lately."""
        return self._watch.note_guess(asking.host, asking.name[:255], now)

    def needs_the_wire(self, site: ServedSite, offered: OfferedFile) -> bool:
        """Say whether what the parent hears may change the answer."""
        return site.needed(offered) >= Level.L2 and offered.owner is not None

    def decide(
        self,
        asking: Asking,
        site: ServedSite,
        offered: OfferedFile | None,
        now: float,
        heard: OnTheWire | None = None,
        *,
        watches_frames: bool = False,
        operation: Operation = Operation.READ,
    ) -> Decision:
        """Judge a request; ``watches_frames``: the parent does, and ``heard`` is what there was in time."""
        request = FileRequest(asking.name, asking.host, operation)
        if offered is None:
            known = Evidence(known_owners=site.holdings.known_owners, ttl=asking.ttl)
            return decide(request, None, known, site.policy, site.name)
        evidence = self._evidence(asking, site, offered, now, heard, watches_frames=watches_frames)
        return decide(request, offered.held, evidence, site.policy, site.name)

    def is_still_there(self, site: ServedSite, offered: OfferedFile, host: str, now: float) -> bool:
        """Say whether ``host`` may have a file's next bytes: its address may have gone to another machine meanwhile."""
        if offered.owner is None:
            return True
        if site.policy.windows:
            is_by_level = offered.held.sealed or site.needed(offered) <= Level.L2
            return is_by_level or site.windows.was_last(offered.owner, host)
        if self._links is None or site.needed(offered) is not Level.L3:
            return True
        shown = self._links.neighbours(now).shown_for(host)
        return {each.mac for each in shown} == {offered.owner}

    def _evidence(
        self,
        asking: Asking,
        site: ServedSite,
        offered: OfferedFile,
        now: float,
        heard: OnTheWire | None,
        *,
        watches_frames: bool,
    ) -> Evidence:
        needed, owner, host, at = site.needed(offered), offered.owner, asking.host, time.time()
        owners = site.holdings.known_owners
        if needed is Level.L0 and owner not in site.policy.never_admitted:
            return Evidence(known_owners=owners, ttl=asking.ttl)
        learned = site.rules.why_known(host, at) or self._why_known_here(site, host, now)
        links, wire = self._links, heard or OnTheWire()
        # On the internet one's own link is the provider's, and whoever else is on it no phone of the site's.
        on_link = links is not None and not site.policy.windows and links.has(host, now)
        if needed <= Level.L1 and owner not in site.policy.never_admitted:
            return Evidence(known_owners=owners, ttl=asking.ttl, on_link=on_link, learned=learned)
        neighbours = links.neighbours(now) if links is not None else None
        so_far = Evidence(
            known_owners=owners,
            on_link=on_link,
            learned=learned,
            neighbours=neighbours.shown_for(host) if neighbours is not None else (),
            frames=wire.frames,
            # A connection's first frame may be long ago; each datagram has one of its own.
            asked_frames=watches_frames and asking.protocol == TFTP,
            ttl=asking.ttl,
            lease=wire.lease,
            announced=wire.announced,
            dhcp=wire.dhcp,
            grant=site.windows.grant_for(owner, at) if owner is not None else None,
        )
        if owner is None:
            return so_far  # every phone's of the site: no place and no habits of one
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

    def is_known(self, site: ServedSite, host: str, now: float) -> bool:
        """Say whether an address is in a network that is known to be a site's, where several phones may be."""
        if site.policy.networks and is_inside(host, site.policy.networks):
            return True
        return bool(site.rules.why_known(host, time.time()) or self._why_known_here(site, host, now))

    def _why_known_here(self, site: ServedSite, host: str, now: float) -> str:
        """Return why an address on the internet is known before the hub says so; empty where it is not."""
        taken_by, taken_at = self._site_of.get(host, ("", 0.0))
        has_just = site.policy.windows and taken_by == site.id and now - taken_at < FETCHES_ON_S
        return "a phone of the site has just taken its file from there" if has_just and taken_at else ""

    # -- what came of it ---------------------------------------------------------------------------------------

    def on_begun(self, site: ServedSite, offered: OfferedFile, asking: Asking) -> Window | None:
        """Note that a file is about to go out; over TCP its peer has answered already."""
        if offered.owner is None or not site.policy.windows:
            return None
        at = time.time()
        site.windows.on_asked(offered.owner, asking.host, at)
        if asking.protocol == HTTP:
            return site.windows.on_round_trip(offered.owner, asking.host, at, for_certain=True)
        return None

    def on_round_trip(self, site: ServedSite, offered: OfferedFile, host: str) -> Window | None:
        """Note that the peer of a transfer has answered; return the window that it binds by that."""
        if offered.owner is None or not site.policy.windows:
            return None
        return site.windows.on_round_trip(offered.owner, host, time.time())

    def on_taken(
        self, site: ServedSite, owner: str, name: str, host: str, evidence: Evidence, now: float
    ) -> Window | None:
        """Note that a phone has a whole file of its own; return the window that ends by it."""
        self._places.note(owner, host, evidence, now)
        _remember(self._taken_at, owner, now)
        if evidence.dhcp is not None:
            _remember(self._fingerprints, owner, evidence.dhcp)
        _remember(self._site_of, host, (site.id, now))
        found = site.holdings.find(name)
        if found is None or found.owner != owner:
            return None
        return site.windows.on_taken(owner, host, time.time())


_NO_SITE = ServedSite("", "here")


def _remember(kept: OrderedDict[str, T], key: str, value: T) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > MOST_REMEMBERED:
        kept.popitem(last=False)
