"""What the hub answers to TVS: which certificates of the organisation a phone may trust, and for what.

For those of edges, by which phones get their configuration over HTTPS, it vouches at their own site alone.

SAST and TVS certificates are never vouched for: phones learn those from a new list alone (TRUST.md).
"""

from ringfence.hub.core import Hub
from ringfence.hub.fleet import edge_tls_keys
from ringfence.hub.phone_services import organisation_keys
from ringfence.hub.phone_services.messages import CertificateAsked, FromServices, ToServices, Verified
from ringfence.hub.store.models import PhoneRow
from ringfence.phones.mac import Mac
from ringfence.phones.trust.roles import TrustRole
from ringfence.phones.trust.tvs import VerifyRequest

TTL_S = 3600
"""How long a phone goes by an answer: a certificate that is withdrawn is trusted for so long yet."""
_NOT_VOUCHED_FOR = frozenset({TrustRole.SAST, TrustRole.TVS})


class TvsDesk:
    """Answers for one connection of a site's phone."""

    session = 1

    def __init__(self, hub: Hub, site_id: str, source: Mac) -> None:
        self._hub, self._site_id, self._source = hub, site_id, source
        self._number = 0

    def set_number(self, number: int) -> None:
        """Know the connection's number."""
        self._number = number

    def answer(self, message: FromServices) -> ToServices | None:
        """Return what a phone is told of a certificate; nobody else is told anything but that it is not trusted."""
        if not isinstance(message, CertificateAsked):
            return None
        mac = VerifyRequest(0, message.device_name, b"").mac
        with self._hub.database.reading() as session:
            phone = session.get(PhoneRow, mac) if mac == self._source.bare else None
            if phone is None or phone.site_id != self._site_id:
                return Verified(self._number)
            vouched = organisation_keys.records(session)
            roles: set[TrustRole] = {
                each.role for each in vouched if organisation_keys.der(each.certificate) == message.certificate
            }
            of_edges = edge_tls_keys.listed(session, [self._site_id]).get(self._site_id, ())
            if any(organisation_keys.der(each) == message.certificate for each in of_edges):
                roles.add(TrustRole.TFTP)
        return Verified(self._number, tuple(sorted(roles - _NOT_VOUCHED_FOR)), TTL_S)
