"""A site's rules as the hub words them, made into what the guard works with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ringfence.guard.bans import Ban
from ringfence.guard.behaviour import Habits
from ringfence.guard.errors import BadRules
from ringfence.guard.levels import FileKind, Level
from ringfence.guard.policy import (
    EDGE_LEVELS,
    FirstContact,
    Network,
    Policy,
    is_inside,
    read_network,
)
from ringfence.guard.serving_profile import ServingProfile
from ringfence.guard.windows import Window
from ringfence.wire.messages import GuardCredentialKey, GuardRules

NO_CREDENTIALS: Mapping[str, tuple[GuardCredentialKey, ...]] = MappingProxyType({})
NO_HABITS: Mapping[str, Habits] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Learned:
    """A network that is known to belong to the site; ``until`` is 0 if it is permanent."""

    network: Network
    why: str
    until: float


@dataclass(frozen=True, slots=True)
class Rules:
    """What one site asks, ready for use. ``habits``: bare MAC address → those of its family."""

    policy: Policy = field(default_factory=lambda: Policy(EDGE_LEVELS))
    habits: Mapping[str, Habits] = field(default_factory=lambda: NO_HABITS)
    elsewhere: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Bare MAC address → the name of the other site where that phone was seen recently."""
    learned: tuple[Learned, ...] = ()
    windows: tuple[Window, ...] = ()
    bans: tuple[Ban, ...] = ()
    lifted: tuple[Ban, ...] = ()
    credentials: Mapping[str, tuple[GuardCredentialKey, ...]] = field(default_factory=lambda: NO_CREDENTIALS)
    """Bare MAC address → what proves that phone's credentials."""

    def why_known(self, host: str, at: float) -> str:
        """Return why an address is known to belong to the site; empty if it is not."""
        for each in self.learned:
            if (not each.until or at < each.until) and is_inside(host, (each.network,)):
                return each.why
        return ""


def read_rules(told: GuardRules, profile: ServingProfile = ServingProfile.LAN) -> Rules:
    """Return the rules that the hub sent, as they apply to a server with ``profile``.

    Raises:
        BadRules: their form is not known here.
    """
    levels = dict(profile.levels)
    try:
        named = {FileKind(need.kind): Level[need.level] for need in told.needs}
        networks = tuple(read_network(text) for text in told.networks)
        first_contact = FirstContact(told.first_contact)
        learned = tuple(Learned(read_network(each.network), each.why, each.until) for each in told.learned)
    except (ValueError, KeyError) as fault:
        raise BadRules("the site's rules contain something unknown to this version", where=str(fault)[:80]) from None
    for kind, level in named.items() if profile.takes_levels else ():
        levels[kind] = max(level, levels[kind]) if profile.only_tightens else level
    if profile.gives_stubs and not told.stubs:
        levels[FileKind.CONFIGURATION] = Level.L4  # which only a window stands in for
    held = told.held
    if profile.needs_permission and not told.gateway:
        held = held or "the site does not allow a gateway"
    habits = {
        mac: Habits(each.family, each.before, each.options, each.user_agent)
        for each in told.habits
        for mac in each.macs
    }
    return Rules(
        policy=Policy(
            levels,
            networks if profile.takes_networks else (),
            first_contact,
            windows=profile.has_windows,
            held=held,
            never_admitted=frozenset(told.never_admitted),
            blocked=frozenset(told.blocked),
        ),
        habits=habits,
        elsewhere={each.mac: each.where for each in told.elsewhere},
        learned=learned,
        windows=tuple(Window(w.id, w.mac, w.who, w.until, w.bound_to, used=w.used) for w in told.windows),
        bans=tuple(Ban(each.host, each.until, each.why) for each in told.bans),
        lifted=tuple(Ban(each.host, each.until, each.why) for each in told.lifted),
        credentials={each.mac: each.keys for each in told.credentials} if profile.takes_credentials else NO_CREDENTIALS,
    )
