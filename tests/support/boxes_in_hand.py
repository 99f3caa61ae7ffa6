"""A box as a test holds it: an enrolled edge that tells how its port and its tunnel are."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from ringfence.wire import codec, paths
from ringfence.wire.messages import SiteState, StatePart
from ringfence.wire.network_messages import BoxStanding, NetworkRules
from support.running_hub import Answer, EdgeInHand, RunningHub


def key(name: str) -> str:
    """A public key as WireGuard writes it."""
    return base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()


class BoxInHand:
    """An enrolled edge that is a box."""

    def __init__(self, running: RunningHub, site: str, folder: Path) -> None:
        self.hand: EdgeInHand = running.enrol(site, folder)
        self.running, self.site, self.id = running, site, self.hand.response.edge_id

    def tell(self, **told: Any) -> Answer:  # noqa: ANN401 - the message's own fields
        """Tell how it is, whatever comes of it."""
        return self.hand.post(paths.BOX, BoxStanding(**{"at": self.running.clock(), **told}))

    def told(self, **told: Any) -> NetworkRules:  # noqa: ANN401 - the message's own fields
        """Tell how it is, which must be taken; return what it is to go by then."""
        answer = self.tell(**told)
        assert answer.status == 200, answer.data
        rules = self.rules()
        assert rules is not None
        return rules

    def rules(self) -> NetworkRules | None:
        """What the hub wants of its network; None where it takes it for no box."""
        state = codec.from_json(SiteState, self.hand.get(paths.STATE).data)
        part = state.parts.get(StatePart.NETWORK)
        return None if part is None else codec.from_json(NetworkRules, bytes(part))
