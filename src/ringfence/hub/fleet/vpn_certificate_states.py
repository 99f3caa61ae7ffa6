"""Through what a certificate of a head end goes.

| State | Phones' files | The head end |
|---|---|---|
| announced | name it | shows another one |
| in-use | name it | is to show it |
| leaving | name it | showed it until lately, and was not seen with the next one yet |
| retired | do not name it | was seen with another one |
"""

from enum import StrEnum

from ringfence.hub.fleet import vpn_phones


class VpnCertificateState(StrEnum):
    """Where a certificate of a head end is."""

    ANNOUNCED = "announced"
    IN_USE = vpn_phones.IN_USE
    LEAVING = "leaving"
    RETIRED = "retired"


KNOWN_TO_PHONES = frozenset({
    VpnCertificateState.ANNOUNCED.value, VpnCertificateState.IN_USE.value, VpnCertificateState.LEAVING.value,
})  # fmt: skip
"""States in which phones' files name it."""
