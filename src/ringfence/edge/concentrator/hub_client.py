"""A concentrator's way to its hub: as an edge's, at paths of its own."""

from urllib.parse import urlencode

from ringfence.edge.agent.https_hub_client import HttpHubClient
from ringfence.wire import codec, paths
from ringfence.wire.messages import RenewRequest, RenewResponse
from ringfence.wire.tunnel_messages import (
    TunnelAnswer,
    TunnelEnrolRequest,
    TunnelEnrolResponse,
    TunnelPeers,
    TunnelStanding,
)


class TunnelHubClient(HttpHubClient):
    """The hub as a concentrator sees it. Every method may raise HubUnreachable and HubRefused."""

    events_path = paths.TUNNEL_EVENTS

    def enrol_tunnel(self, request: TunnelEnrolRequest) -> TunnelEnrolResponse:
        """Present a token; the one request that needs no client certificate."""
        return self._message(TunnelEnrolResponse, "POST", paths.TUNNEL_ENROL, codec.to_json(request))

    def renew(self, request: RenewRequest) -> RenewResponse:
        """Send a request for the next certificate."""
        return self._message(RenewResponse, "POST", paths.TUNNEL_RENEW, codec.to_json(request))

    def peers(self, since: int, epoch: str, after: str = "") -> TunnelPeers:
        """Ask what has changed of the peers since a version, or for the part that comes after a box."""
        query = urlencode({"since": since, "epoch": epoch, "after": after})
        return self._message(TunnelPeers, "GET", f"{paths.TUNNEL_PEERS}?{query}")

    def tell_tunnel(self, standing: TunnelStanding) -> TunnelAnswer:
        """Send how this concentrator is."""
        return self._message(TunnelAnswer, "POST", paths.TUNNEL_STANDING, codec.to_json(standing))
