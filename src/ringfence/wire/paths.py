"""The device API's paths, which hub and edge share; each contains ``V1``, so that a second version can exist."""

V1 = "/device/v1"

AUTHORITY = V1 + "/authority"
"""GET, without a client certificate: the hub's CA certificate in PEM, to be compared with the token's fingerprint."""
ENROL = V1 + "/enrol"
"""POST EnrolRequest → EnrolResponse, without a client certificate."""
RENEW = V1 + "/renew"
"""POST RenewRequest → RenewResponse."""
GREETING = V1 + "/greeting"
"""GET → Greeting: which edge the hub recognises as the caller, and what time it is."""
METADATA = V1 + "/metadata/"
"""GET …/timestamp.json, …/7.snapshot.json, …/7.targets.json, …/2.root.json: the caller's site's own metadata."""
BLOBS = V1 + "/blobs/"
"""GET …/<sha256>, with Range: a blob that a release of the caller's site names."""
EVENTS = V1 + "/events"
"""GET → text/event-stream of Event messages, each in one ``data:`` line; comments keep the connection alive."""
REPORTS = V1 + "/reports"
"""POST ReportBatch → ReportAcknowledgement."""

STANDING = V1 + "/standing"
"""POST EdgeStanding → StandingAnswer: what the caller has; an older hub answers 404."""

PROGRESS = V1 + "/progress"
"""POST Progress → Progress: how far an edge is with a release; a hub that does not know it answers 404."""

HEALTH = V1 + "/health"
"""POST EdgeHealth → EdgeHealth: how the caller is; an older hub answers 404."""

BOX = V1 + "/box"
"""POST BoxStanding → BoxStanding (``wire.network_messages``): how a box's port and tunnel are."""

EDGE_TLS = V1 + "/edge-tls"
"""POST EdgeTlsOffer → EdgeTlsAnswer (``wire.edge_tls_messages``): the caller's key for phones by HTTPS."""

PHONE_SERVICES = V1 + "/phone-services/"
"""POST …/capf?mac=…, …/tvs?mac=…: a phone's bytes as they come, and the answer's body is what goes back, at the same
time (``wire.phone_services``)."""
PHONE_WEB = V1 + "/phone-web"
"""POST PhoneWebNews → PhoneWebOrders (``wire.phone_web_messages``): what a phone's page is asked, and its answers."""
JOBS = V1 + "/jobs"
"""POST JobNews → JobNewsAnswer (``wire.job_messages``): what becomes of a job that the caller was asked for."""

TUNNEL_ENROL = V1 + "/tunnel/enrol"
"""POST TunnelEnrolRequest → TunnelEnrolResponse (``wire.tunnel_messages``), without a client certificate."""
TUNNEL_RENEW = V1 + "/tunnel/renew"
"""POST RenewRequest → RenewResponse, for a concentrator."""
TUNNEL_EVENTS = V1 + "/tunnel/events"
"""GET → text/event-stream of Event messages: ``greeting``, ``state`` when peers have changed, ``revoked``."""
TUNNEL_PEERS = V1 + "/tunnel/peers"
"""GET …?since=VERSION&epoch=EPOCH&after=EDGE → TunnelPeers; without a version, all of them."""
TUNNEL_STANDING = V1 + "/tunnel/standing"
"""POST TunnelStanding → TunnelStanding: how a concentrator is."""

STATE = V1 + "/state"
"""GET → SiteState: everything that the caller gets beside releases; an older hub answers 404."""

GUARD = V1 + "/guard"
"""GET → GuardRules: the state's part of that name by itself, for edges that do not know STATE."""

KEEP_ALIVE_S = 20
"""The longest silence on the event stream; a reader that hears nothing for three times as long reconnects."""
