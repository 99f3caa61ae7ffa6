"""Where the hub is, as a part of signed root metadata."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.content.errors import BadSignature, Malformed
from ringfence.content.hub_endpoints import MOST_AUTHORITIES, MOST_URLS, HubEndpoints, check_url
from ringfence.content.proof import prove_root
from ringfence.content.signing import first_root, next_root
from ringfence.content.trust import TrustedMetadata
from ringfence.identity.certificates import make_authority, to_pem
from support.signed_repository import NOW, Repository

AUTHORITY = to_pem(make_authority(ec.generate_private_key(ec.SECP256R1()), "A hub", serial=1, now=NOW))
OLD = HubEndpoints(("https://old.example.org:8444",), (AUTHORITY,))
NEW = HubEndpoints(("https://new.example.org:8444", "https://[2001:db8::1]:8444"), (AUTHORITY,))
SITE = "anna"


def test_an_edge_learns_where_the_hub_is_from_its_next_root() -> None:
    keys = Repository().keys
    first = first_root(SITE, keys, NOW, OLD)
    trusted = TrustedMetadata(SITE, first)
    assert trusted.hub == OLD
    trusted.update_root(next_root(first, SITE, keys, keys.root, NOW, NEW))
    assert trusted.hub == NEW
    assert TrustedMetadata(SITE, trusted.root_bytes).hub == NEW


def test_a_root_of_an_older_hub_says_nothing() -> None:
    assert TrustedMetadata(SITE, first_root(SITE, Repository().keys, NOW)).hub == HubEndpoints()


def test_a_root_of_other_keys_moves_nobody() -> None:
    keys, others = Repository().keys, Repository().keys
    first = first_root(SITE, keys, NOW, OLD)
    trusted = TrustedMetadata(SITE, first)
    with pytest.raises(BadSignature):
        trusted.update_root(next_root(first, SITE, others, others.root, NOW, NEW))
    assert trusted.hub == OLD


@pytest.mark.parametrize(
    "endpoints",
    [
        HubEndpoints((), (AUTHORITY,)),
        HubEndpoints(("https://a:1",), ()),
        HubEndpoints(("http://a:1",), (AUTHORITY,)),
        HubEndpoints(("https://a:1/path",), (AUTHORITY,)),
        HubEndpoints(("https://a:99999",), (AUTHORITY,)),
        HubEndpoints(("",), (AUTHORITY,)),
        HubEndpoints(tuple(f"https://a:{port}" for port in range(1, MOST_URLS + 2)), (AUTHORITY,)),
        HubEndpoints(("https://a:1",), ("not a certificate",)),
        HubEndpoints(("https://a:1",), (AUTHORITY,) * (MOST_AUTHORITIES + 1)),
    ],
)
def test_a_root_that_would_lead_nowhere_is_refused_and_the_one_before_stays(endpoints: HubEndpoints) -> None:
    keys = Repository().keys
    first = first_root(SITE, keys, NOW, OLD)
    trusted = TrustedMetadata(SITE, first)
    with pytest.raises(Malformed):
        trusted.update_root(next_root(first, SITE, keys, keys.root, NOW, endpoints))
    assert (trusted.root_version, trusted.hub) == (1, OLD)


@pytest.mark.parametrize("value", [[], "text", {"urls": "https://a:1"}, {"urls": [1], "authorities": [AUTHORITY]}])
def test_other_forms_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="hub's endpoints"):
        HubEndpoints.from_field(value)


def test_addresses_with_a_person_in_them_are_none() -> None:
    with pytest.raises(ValueError, match="is not an address"):
        check_url("https://somebody@hub.example.org")


def test_a_root_is_proven_by_the_key_that_signed_it_and_not_by_the_names_of_keys_in_it() -> None:
    keys, others = Repository().keys, Repository().keys
    ours = first_root(SITE, keys, NOW, OLD)
    newer = next_root(ours, SITE, keys, keys.root, NOW, NEW)
    proven = prove_root(SITE, ours, newer)
    assert (proven.version, proven.hub) == (2, NEW)
    others.root.public_key.keyid = keys.root.public_key.keyid  # a key id is whatever its metadata says
    with pytest.raises(BadSignature):
        prove_root(SITE, ours, first_root(SITE, others, NOW, NEW))
