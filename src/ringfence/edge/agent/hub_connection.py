"""How an agent comes to its hub: by the folder's certificate, at the addresses that its trusted root names."""

from collections.abc import Callable

from ringfence.content.hub_endpoints import HubEndpoints
from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.https_hub_client import HttpHubClient
from ringfence.edge.agent.hub_client import HubClient
from ringfence.edge.agent.hub_trust import verified_context
from ringfence.edge.storage.folder import EdgeFolder

ClientFactory = Callable[[EdgeFolder, HubClock, HubEndpoints], HubClient]


def https_client(folder: EdgeFolder, clock: HubClock, hub: HubEndpoints) -> HttpHubClient:
    """Return the hub over HTTPS, with the folder's certificate as it is now.

    ``hub`` is where the trusted root says that the hub is; if it says nothing, what the edge got at enrolment counts.
    """
    authorities = hub.authorities or (folder.credentials().authority_pem,)
    context = verified_context("".join(authorities), folder.key_file, folder.certificate_file)
    enrolled = folder.enrolment()
    return HttpHubClient(hub.urls or (enrolled.hub_url,), context, clock, enrolled.proxy)
