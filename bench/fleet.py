"""A large fleet to measure a hub with: sites with phones, lines, edges, a release and what edges reported."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert

from ringfence.hub.core import Hub
from ringfence.hub.store.models import EdgeReportRow, EdgeRow, LineRow, PhoneRow, SiteRow
from ringfence.hub.store.release_models import ReleaseRow, ReleaseTargetRow

Values = dict[str, Any]  # Any: what a column holds
_SITES_AT_ONCE = 250
_LOAD = "sip9971.9-4-2SR4-1"


@dataclass(frozen=True, slots=True)
class Fleet:
    """How large it is."""

    sites: int
    phones_of_a_site: int = 1
    reports_of_a_phone: int = 19

    @property
    def phones(self) -> int:
        """How many there are in all."""
        return self.sites * self.phones_of_a_site

    @property
    def reports(self) -> int:
        """How many there are in all."""
        return self.phones * self.reports_of_a_phone

    def __str__(self) -> str:
        return f"{self.sites:,} sites, {self.phones:,} phones, {self.reports:,} reports"

    def phones_at(self, site: int) -> range:
        """Return the numbers of a site's phones."""
        return range(site * self.phones_of_a_site, (site + 1) * self.phones_of_a_site)

    def fill(self, hub: Hub) -> None:
        """Make the fleet in an empty hub, in its first organisation."""
        now = time.time()
        for start in range(0, self.sites, _SITES_AT_ONCE):
            sites = range(start, min(start + _SITES_AT_ONCE, self.sites))
            phones = [(site, phone) for site in sites for phone in self.phones_at(site)]
            with hub.database.writing() as session:
                session.add_all([_site(site, now) for site in sites])
                session.flush()
                session.execute(insert(PhoneRow), [_phone(site, phone, now) for site, phone in phones])
                session.execute(insert(LineRow), [_line(phone) for _site, phone in phones])
                session.execute(insert(EdgeRow), [_edge(site, now) for site in sites])
                session.execute(insert(ReleaseRow), [_release(site, now) for site in sites])
                session.execute(insert(ReleaseTargetRow), [_target(site, phone) for site, phone in phones])
                session.execute(insert(EdgeReportRow), list(self._reports(sites, now)))

    def _reports(self, sites: range, now: float) -> Iterator[Values]:
        """Yield what each site's edge told: its phones took their files, and asked for a file that nobody has."""
        for site in sites:
            told = self.phones_of_a_site * self.reports_of_a_phone
            for seq in range(1, told + 1):
                phone = self.phones_at(site)[seq % self.phones_of_a_site]
                yield _report(site, phone, seq, now - 60.0 * (told - seq))


def bare(number: int) -> str:
    """Return the address of a phone."""
    return f"001B54{number:06X}"


def _site(site: int, now: float) -> SiteRow:
    return SiteRow(id=f"site-{site}", name=f"Site {site}", created_at=now, newest_release=1)


def _phone(site: int, phone: int, now: float) -> Values:
    return {
        "mac": bare(phone), "site_id": f"site-{site}", "model": "9971", "description": f"Phone {phone}",
        "created_at": now, "named_load": _LOAD, "running_load": _LOAD, "blocked": False,
    }  # fmt: skip


def _line(phone: int) -> Values:
    return {
        "mac": bare(phone), "index": 1, "label": f"Person {phone}", "name": str(100_000 + phone),
        "display_name": "", "auth_name": "", "sealed_password": b"",
    }  # fmt: skip


def _edge(site: int, now: float) -> Values:
    name = f"edge-{site}"
    return {
        "id": name, "site_id": f"site-{site}", "hostname": name, "version": "", "enrolled_at": now,
        "key_fingerprint": name, "certificate_serial": name, "certificate_fingerprint": name,
        "certificate_ends_at": now + 1e6, "wipe": False, "release": 1, "last_seen_at": now,
    }  # fmt: skip


def _release(site: int, now: float) -> Values:
    return {"site_id": f"site-{site}", "number": 1, "made_at": now, "made_by": "bench"}


def _target(site: int, phone: int) -> Values:
    return {
        "site_id": f"site-{site}", "number": 1, "name": f"SEP{bare(phone)}.cnf.xml", "digest": f"{phone:064x}",
        "length": 8000, "kind": "configuration", "owner": bare(phone), "reload_method": "check-sync",
        "reload_port": 5060, "secret": True,
    }  # fmt: skip


def _report(site: int, phone: int, seq: int, at: float) -> Values:
    own = seq % 2
    return {
        "edge_id": f"edge-{site}", "site_id": f"site-{site}", "seq": seq, "at": at, "received_at": at,
        "kind": "file-served" if own else "file-refused", "sentence": "It asked.", "peer": "192.0.2.7", "release": 1,
        "name": f"SEP{bare(phone)}.cnf.xml" if own else "dialplan.xml", "owner": bare(phone) if own else "",
    }  # fmt: skip
