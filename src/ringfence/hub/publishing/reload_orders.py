"""How a publish differs from what phones' settings say of when they are told to load their files."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from ringfence.content.release import Target


@dataclass(frozen=True, slots=True)
class ReloadOrders:
    """The orders of one publish."""

    not_now: frozenset[str] = frozenset()
    """Bare addresses of phones that no edge is to tell."""
    when_idle: bool = False
    """Whether phones that are told by keys are to wait until nobody uses them."""

    def applied(self, targets: Iterable[Target]) -> tuple[Target, ...]:
        """Return files with the orders that phones get for them."""
        return tuple(map(self._applied, targets))

    def _applied(self, target: Target) -> Target:
        if target.reload is None:
            return target
        if target.owner in self.not_now:
            return replace(target, reload=None)
        if self.when_idle and target.reload.method == "web":
            return replace(target, reload=replace(target.reload, method="web-when-idle"))
        return target


AS_SET: Final = ReloadOrders()
"""As phones' settings say."""
