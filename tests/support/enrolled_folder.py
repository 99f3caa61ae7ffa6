"""An edge's folder as enrolling would leave it, without a hub."""

from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.edge.storage.folder import Credentials, EdgeFolder, Enrolment
from ringfence.identity.certificates import (
    EdgeIdentity,
    issue_edge_certificate,
    make_authority,
    make_request,
    read_certificate,
    read_request,
    to_pem,
)
from support.signed_repository import NOW, Repository

KEY = ec.generate_private_key(ec.SECP256R1())
AUTHORITY = make_authority(KEY, "CA", serial=1, now=NOW)


def save_enrolled(folder: EdgeFolder, repository: Repository, edge: str = "") -> Enrolment:
    """Make a folder the edge of a repository's site; the site's name is its id with a capital letter."""
    site = repository.site
    request = read_request(make_request(KEY, site))
    pem = to_pem(issue_edge_certificate(AUTHORITY, KEY, request, EdgeIdentity(edge or site, site), serial=2, now=NOW))
    who = Enrolment("https://hub:8444", edge or site, site, site.capitalize(), NOW)
    credentials = Credentials(KEY, read_certificate(pem), to_pem(AUTHORITY))
    folder.save_enrolment(who, credentials, pem, repository.files["1.root.json"])
    return who
