"""Moving the hub: other addresses, another CA, and who has followed: edges and concentrators; people's passkeys can't.

Edges are told by their site's root metadata (``content.hub_endpoints``), which the hub signs anew when it starts with
other endpoints. An edge tells on each connection which root it trusts and at which address it is, and a concentrator
when it tells of its tunnel, by which answer it is told; so the old ones can go when nobody needs them any more.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import select

from ringfence.counted import counted
from ringfence.hub import within
from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.authority import new_authority
from ringfence.hub.data.config import HubConfig
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.errors import BadConfiguration, EdgesLeftBehind
from ringfence.hub.fleet import passkeys
from ringfence.hub.fleet.relying_party import host_of
from ringfence.hub.store.models import EdgeRow
from ringfence.hub.store.network_models import ConcentratorRow
from ringfence.identity.certificates import authority_id

WHO = "hub move"
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Straggler:
    """An edge or a concentrator that has not followed yet, and why; the other one's id is empty."""

    edge_id: str
    site_id: str
    hostname: str
    last_seen_at: float | None
    why: str
    concentrator_id: str = ""
    name: str = ""
    """The concentrator's."""

    @property
    def called(self) -> str:
        """It, as a sentence names it."""
        if self.concentrator_id:
            return f"concentrator {self.name}"
        return f"{self.hostname or self.edge_id} of {self.site_id}"


@dataclass(frozen=True, slots=True)
class HubMove:
    """Where edges are to find the hub, the one to use first at the front, and who has not followed."""

    urls: tuple[str, ...]
    changes_authority: bool
    followers: int
    stragglers: tuple[Straggler, ...]
    concentrators: int
    """How many concentrators have followed; ``followers`` are edges."""
    lost_passkeys: int
    """How many passkeys people made when they found the hub at another host; browsers use them there alone."""

    @property
    def followed(self) -> str:
        """Who has followed, as a sentence counts them."""
        return _counted(self.followers, self.concentrators)

    @property
    def late(self) -> str:
        """Who has not, as a sentence counts them."""
        late_ends = sum(1 for each in self.stragglers if each.concentrator_id)
        return _counted(len(self.stragglers) - late_ends, late_ends)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left of an earlier place."""
        return len(self.urls) == 1 and not self.changes_authority


def move_to(folder: DataFolder, host: str, device_url: str = "") -> HubConfig:
    """Make ``host`` the hub's address; the one that it had stays, for edges that have not heard of it.

    Args:
        folder: The hub's.
        host: The new host name or IP address.
        device_url: What edges are told where it differs from the host and ``device_port``.

    Raises:
        BadConfiguration: An address can't be used, or the hub takes any free port.
    """
    config = folder.config()
    if not device_url and not config.device_url and not config.device_port:
        raise BadConfiguration(
            "the hub takes any free port, so edges can't be told one",
            to_do="Give --device-url, or set device_port in hub.toml.",
        )
    moved = config.relocated(host, device_url)
    return _write(folder, moved, f"to {moved.told_device_url}")


def add_address(folder: DataFolder, device_url: str) -> HubConfig:
    """Add an address at which edges find the hub too, after the others.

    Raises:
        BadConfiguration: It can't be used.
    """
    config = folder.config()
    if device_url in {config.told_device_url, *config.other_device_urls}:
        return config
    added = config.changed(other_device_urls=(*config.other_device_urls, device_url))
    return _write(folder, added, f"also at {device_url}")


def change_authority(folder: DataFolder, now: float) -> None:
    """Make a new CA: edges' certificates are issued by it from the next start on, and edges trust both.

    Raises:
        BadConfiguration: There is a new one already.
    """
    if folder.next_authority() is not None:
        raise BadConfiguration("the hub is changing its CA already", to_do="See: ringfence hub move DIR")
    folder.write_next_authority(new_authority(f"{folder.config().name} CA", now))
    _note(folder, "a new CA")


def end(folder: DataFolder, keep: Sequence[str] = (), *, leaves_behind: bool = False) -> HubMove:
    """Drop the addresses after the first one, except those in ``keep``, and the old CA with its key.

    Returns:
        What was there before, with the edges that are left behind.

    Raises:
        BadConfiguration: An address in ``keep`` is none of the hub's.
        EdgesLeftBehind: Edges have not followed, and none of them is to be left behind.
    """
    config = folder.config()
    if unknown := [each for each in keep if each not in config.other_device_urls]:
        raise BadConfiguration(f"{unknown[0]} is none of the hub's further addresses", to_do="ringfence hub move DIR")
    move = status(folder, keep)
    if move.stragglers and not leaves_behind:
        named = ", ".join(each.called for each in move.stragglers[:_MOST_NAMED])
        more = len(move.stragglers) - _MOST_NAMED
        raise EdgesLeftBehind(
            f"{move.late} would not find the hub any more: {named}" + (f", and {more} more" if more > 0 else ""),
            to_do="See why: ringfence hub move DIR. Wait for them, or revoke or remove those that are gone; with "
            "--leave-behind they are to be enrolled again.",
        )
    if folder.next_authority() is not None:
        folder.promote_next_authority()
    _write(folder, config.changed(other_device_urls=tuple(keep)), f"over; {move.late} left behind")
    return move


def status(folder: DataFolder, keep: Sequence[str] | None = None) -> HubMove:
    """Return where edges are to find the hub, and which of them need what goes.

    ``keep``: the further addresses that are to stay; None: as if all of them went.
    """
    with closing(open_hub(folder)) as hub, within.everywhere(hub).database.reading() as session:
        urls = hub.endpoints.urls
        staying = {urls[0], *(keep or ())}
        edges = session.scalars(select(EdgeRow).where(EdgeRow.revoked_at.is_(None)).order_by(EdgeRow.site_id)).all()
        late = [(edge, why) for edge in edges if (why := _why_late(hub, edge, staying))]
        stragglers = [Straggler(e.id, e.site_id, e.hostname, e.last_seen_at, why) for e, why in late]
        enrolled = (
            select(ConcentratorRow).where(ConcentratorRow.enrolled_at.is_not(None)).order_by(ConcentratorRow.name)
        )
        ends = session.scalars(enrolled).all()
        late_ends = [(end, why) for end in ends if (why := _why_late(hub, end, staying))]
        stragglers += [Straggler("", "", e.hostname, e.told_at, why, e.id, e.name) for e, why in late_ends]
        lost = passkeys.count_elsewhere(session, host_of(hub.config.told_people_url))
        return HubMove(
            urls, hub.next_authority is not None, len(edges) - len(late), tuple(stragglers),
            len(ends) - len(late_ends), lost,
        )  # fmt: skip


def _why_late(hub: Hub, edge: EdgeRow | ConcentratorRow, staying: set[str]) -> str:
    if not edge.endpoints_digest:
        return "it has not told where it finds the hub: it was away since, or its version is older"
    if edge.endpoints_digest != hub.endpoints.digest:
        return "it has not heard of the newest addresses"
    if hub.next_authority is not None and edge.issuer != authority_id(hub.next_authority.certificate):
        return "its certificate is still of the old CA"
    if edge.hub_url not in staying:
        return f"it reaches the hub at {edge.hub_url}"
    return ""


def _counted(edges: int, ends: int) -> str:
    if not ends:
        return counted(edges, "edge")
    return (f"{counted(edges, 'edge')} and " if edges else "") + counted(ends, "concentrator")


def _write(folder: DataFolder, config: HubConfig, what: str) -> HubConfig:
    folder.edit_config(**config.place)
    _note(folder, what)
    return config


def _note(folder: DataFolder, what: str) -> None:
    with closing(open_hub(folder)) as hub, hub.change(WHO) as change:
        change.note("hub.move", hub.config.name, what)
