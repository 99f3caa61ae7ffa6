"""How long the hub keeps what is over."""

from dataclasses import dataclass

from ringfence.hub.data.config import HubConfig

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """What is kept; times are in seconds."""

    releases: int
    """How many of each site, the newest."""
    releases_for_s: float
    """For how long all of them."""
    audit_for_s: float | None
    """How long entries of the audit log are kept; None: for ever."""

    @classmethod
    def of(cls, config: HubConfig) -> "RetentionPolicy":
        """Return the policy in a hub's configuration."""
        audit_for_s = config.audit_kept_days * _DAY_S if config.audit_kept_days else None
        return cls(config.releases_kept, config.releases_kept_days * _DAY_S, audit_for_s)
