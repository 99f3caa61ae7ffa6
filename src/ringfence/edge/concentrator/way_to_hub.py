"""A concentrator's way to its hub: by its certificate as it is now, and where the hub says that it is."""

from collections.abc import Sequence

from ringfence.content.hub_endpoints import HubEndpoints
from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.hub_trust import verified_context
from ringfence.edge.concentrator.enrolment import renew
from ringfence.edge.concentrator.folder import ConcentratorFolder
from ringfence.edge.concentrator.hub_client import TunnelHubClient
from ringfence.edge.reporting.log import Log
from ringfence.identity.certificates import authority_id, issuer_id, read_certificate, renewal_due


class WayToHub:
    """The connection, which is made anew when the certificate is, or when the hub moves.

    News of the hub's place count as much as the peers do: both come from whoever has a certificate of the CA that is
    trusted so far.

    Args:
        folder: The concentrator's.
        log: Receives its log lines.

    Raises:
        NotEnrolled, FolderBroken, BadCertificate: The folder does not contain what it needs.
    """

    def __init__(self, folder: ConcentratorFolder, log: Log) -> None:
        self.clock = HubClock()
        self._folder = folder
        self._log = log
        self._asked_for_issuer = HubEndpoints()
        self.endpoints = folder.endpoints()
        self.client = self._connect()

    def renew_if_due(self) -> None:
        """Get the next certificate when it is time, or once when the hub issues them by another CA.

        Raises:
            BadCertificate, HubUnreachable, HubRefused: There is none; the old one stays in use.
        """
        certificate = self._folder.certificate()
        is_due = self.clock.is_known and renewal_due(certificate, self.clock.now())
        if not is_due and self.endpoints.authorities and self._asked_for_issuer != self.endpoints:
            is_due = issuer_id(certificate) != authority_id(read_certificate(self.endpoints.authorities[0]))
        if is_due:
            self.renew()

    def renew(self) -> None:
        """Get the next certificate, also for one that has ended.

        Raises:
            BadCertificate, HubUnreachable, HubRefused: There is none; the old one stays in use.
        """
        renew(self._folder, self.client)
        self._asked_for_issuer = self.endpoints
        self._log("info", "The certificate was renewed.")
        self._reconnect()

    def follow(self, urls: Sequence[str], authorities: Sequence[str]) -> bool:
        """Go on where the hub says that it is from now on, now and after a restart.

        Args:
            urls: Its addresses; none where the hub tells nothing new.
            authorities: The CAs by which it is known, in PEM.

        Returns:
            Whether that is another place.
        """
        if not urls:
            return False
        try:
            told = HubEndpoints.from_field({"urls": list(urls), "authorities": list(authorities)})
        except ValueError as fault:
            self._log("warning", f"The hub told a place of its own that can't be used, and it is not followed: {fault}")
            return False
        if told == self.endpoints:
            return False
        self._folder.save_endpoints(told)
        self.endpoints = told
        self._log("info", f"The hub is at {', '.join(told.urls)} from now on.")
        self._reconnect()
        return True

    def close(self) -> None:
        """End every connection."""
        self.client.close()

    def _reconnect(self) -> None:
        old, self.client = self.client, self._connect()
        old.close()

    def _connect(self) -> TunnelHubClient:
        folder, known = self._folder, self.endpoints
        authorities = known.authorities or (folder.authority_pem(),)
        context = verified_context("".join(authorities), folder.key_file, folder.certificate_file)
        return TunnelHubClient(known.urls or (folder.enrolment().hub_url,), context, self.clock)
