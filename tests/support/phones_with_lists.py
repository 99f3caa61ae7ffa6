"""Phones that were seen to take a trust list, without an edge that saw it."""

from ringfence.hub.store.phone_trust_models import PhoneTrustRow


def holding_a_list(mac: str, now: float) -> PhoneTrustRow:
    """Return what is known of a phone, by its bare address, that took a list and a signed file."""
    return PhoneTrustRow(
        mac=mac, list_kind="full", list_number=1, list_digest="d" * 64, list_release=1, list_since=now,
        taken_kind="full", taken_digest="d" * 64, taken_at=now, signed_at=now, signed_peer="192.168.1.77",
    )  # fmt: skip
