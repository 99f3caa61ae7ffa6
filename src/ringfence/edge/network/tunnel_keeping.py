"""The tunnel beside the port: opened when the first concentrator is named, and what is told of it."""

from collections.abc import Callable

from ringfence.edge.network.plan import PortPlan
from ringfence.edge.network.port import Tunnel
from ringfence.errors import EnvironmentFault, PeerFault
from ringfence.wire.network_messages import BoxTunnel

SILENT_S = 20.0
"""How long no concentrator may answer before that is told."""


class TunnelKeeping:
    """Has the tunnel as a plan says. What fails is told in ``fault``, and tried again at the next ``settle``.

    Args:
        open_tunnel: Makes the tunnel, or takes it over.
    """

    def __init__(self, open_tunnel: Callable[[], Tunnel]) -> None:
        self._open = open_tunnel
        self._tunnel: Tunnel | None = None
        self._heard_at: float | None = None
        self._has_ends = False
        self.fault = ""

    @property
    def public_key(self) -> str:
        """The tunnel's public key; empty as long as there is no tunnel."""
        return self._tunnel.public_key if self._tunnel is not None else ""

    @property
    def next_public_key(self) -> str:
        """The key that it changes to; empty while it does not."""
        return self._tunnel.next_public_key if self._tunnel is not None else ""

    @property
    def standing(self) -> tuple[BoxTunnel, ...]:
        """How the tunnel to each concentrator is."""
        return self._tunnel.standing if self._tunnel is not None else ()

    def settle(self, plan: PortPlan, *, is_time_known: bool = False) -> None:
        """Go by a plan, and make the tunnel's next key if it is time."""
        self._has_ends = plan.box is not None and bool(plan.concentrators)
        if self._tunnel is None and not self._has_ends:
            self.fault = ""
            return
        try:
            if self._tunnel is None:
                self._tunnel = self._open()
            self._tunnel.take(plan)
            self._tunnel.prepare_key(plan.retired_key, is_time_known=is_time_known)
        except (EnvironmentFault, PeerFault) as fault:
            self.fault = str(fault)
        else:
            self.fault = ""

    def use_key(self, next_public_key: str) -> None:
        """Be known by the next key from now on, if it is this one: every concentrator knows it."""
        self._try(lambda tunnel: tunnel.use_key(next_public_key))

    @property
    def is_changing(self) -> bool:
        """Whether a concentrator is about to change its key, so that ``look_at_keys`` is to be called often."""
        return self._tunnel is not None and self._tunnel.is_changing

    def look_at_keys(self) -> None:
        """Take over the key that a concentrator has changed to."""
        self._try(lambda tunnel: tunnel.look_at_keys())

    def _try(self, work: Callable[[Tunnel], None]) -> bool:
        """Do something to the tunnel, if there is one; where that fails it is opened anew by the next ``settle``."""
        if self._tunnel is None:
            return False
        try:
            work(self._tunnel)
        except EnvironmentFault as fault:
            self.fault = str(fault)
            self._tunnel = None
            return False
        return True

    def on_time(self, now: float) -> str:
        """Look who answers, every second; return what to tell if nobody has for long, empty otherwise."""
        if self._tunnel is None or not self._has_ends:
            self._heard_at = None
            return ""
        if not self._try(lambda tunnel: tunnel.on_time()):
            return ""
        if self._heard_at is None or self._tunnel.is_answered:
            self._heard_at = now
        is_silent = now - self._heard_at > SILENT_S
        return "No concentrator answers through the tunnel, so phones reach no PBX." if is_silent else ""
