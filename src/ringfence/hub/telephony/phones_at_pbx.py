"""What rollouts ask of PBXes, and have them do (``publishing/rollout_orders.py``)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ringfence.hub.core import Hub
from ringfence.hub.telephony import calls, links, reload_by_pbx
from ringfence.phones.mac import Mac


@dataclass(frozen=True, slots=True)
class PhonesAtPbxes:
    """An organisation's phones as its PBXes have them."""

    hub: Hub

    def is_registered(self, mac: Mac) -> bool | None:
        """Return whether a phone is registered; None where nothing tells."""
        return links.is_registered(self.hub, mac)

    def in_calls(self, macs: Iterable[Mac]) -> Mapping[Mac, bool]:
        """Return of each phone whether it is in a call; without those of which nothing tells."""
        return calls.look(self.hub, macs)

    def tell(self, mac: Mac) -> None:
        """Have a phone told to load its files; a RingfenceError says why it can't be."""
        reload_by_pbx.tell(self.hub, mac)
