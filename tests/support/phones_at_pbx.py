"""PBXes as rollouts see them, in a test's hands."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ringfence.hub.errors import PhoneNotRegistered
from ringfence.phones.mac import Mac


@dataclass
class PhonesInHand:
    """What is said of phones by their bare addresses; of those that are not in it, nothing is known."""

    registered: dict[str, bool] = field(default_factory=dict)
    calls: dict[str, bool] = field(default_factory=dict)
    not_reached: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    """Whom the hub told, in order."""

    def is_registered(self, mac: Mac) -> bool | None:
        return self.registered.get(mac.bare)

    def in_calls(self, macs: Iterable[Mac]) -> Mapping[Mac, bool]:
        return {mac: self.calls[mac.bare] for mac in macs if mac.bare in self.calls}

    def tell(self, mac: Mac) -> None:
        if mac.bare in self.not_reached:
            raise PhoneNotRegistered(f"phone {mac} is not registered")
        self.told.append(mac.bare)
