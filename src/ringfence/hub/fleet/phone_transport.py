"""Phones whose trust list makes them get their configuration by HTTPS: whether they do, or fall back to files."""

from collections.abc import Iterable

from ringfence.content.release import BY_HTTPS
from ringfence.hub.store.phone_trust_models import PhoneTrustRow
from ringfence.phones.filenames import configuration_name, trust_list_name
from ringfence.phones.mac import Mac
from ringfence.phones.trust.signed_file import SIGNED_SUFFIX
from ringfence.phones.trust.state import ListOffer


def noted(row: PhoneTrustRow, name: str, now: float) -> Iterable[str]:
    """Note that a phone took a file, once it is noted which list it took last; yield what is new about it.

    It takes its configuration by HTTPS only if it believes the edge's certificate by a list of ours. What an edge tells
    after the hub was away has one time for several boots: their order alone says how the last one went.
    """
    if row.taken_kind != ListOffer.HTTPS:
        return
    configuration = configuration_name(Mac(row.mac))
    match name:
        case name if name == trust_list_name(Mac(row.mac)):
            row.https_list_at = now
        case name if name == BY_HTTPS + configuration:
            if row.https_at is None or has_fallen_back(row):
                yield "gets its configuration by HTTPS"
            row.https_at, row.fell_back_at = now, None
            row.signed_at = now if row.signed_at is None else row.signed_at
        case name if name == configuration + SIGNED_SUFFIX:
            if not has_fallen_back(row):
                yield "took its signed configuration as a file, though its list says HTTPS"
            row.fell_back_at = now


def has_fallen_back(row: PhoneTrustRow) -> bool:
    """Return whether a phone took its signed configuration as a file since it last came by HTTPS."""
    return row.fell_back_at is not None
