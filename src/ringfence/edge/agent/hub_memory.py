"""What the hub gives its edges to keep for it, as a part of the state: stored as it is, and handed back."""

from ringfence.wire import codec
from ringfence.wire.messages import HubMemory, StatePart

LONGEST = 1 << 20


class HubMemoryPart:
    """The state's part with the hub's memory; only the hub can read it."""

    name = StatePart.MEMORY

    def __init__(self) -> None:
        self.newest = HubMemory()

    def keep(self, told: bytes) -> None:
        """Take over what is stored.

        Raises:
            BadMessage: It is not a HubMemory.
        """
        memory = codec.from_json(HubMemory, told)
        if len(memory.sealed) <= LONGEST:
            self.newest = memory

    def take(self, told: bytes) -> bool:
        """Take over the hub's; return whether it is new.

        Raises:
            BadMessage: As ``keep``.
        """
        before = self.newest
        self.keep(told)
        return self.newest != before

    def apply(self) -> None:
        """Do nothing: it is in force by being stored."""

    def on_time(self) -> None:
        """Do nothing: it does not depend on the time."""
