"""Why a decision is what it is: one word each for programs, one sentence each for operators."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from ringfence.guard.policy import FirstContact


class Finding(StrEnum):
    """Why a decision is what it is; reports and counters use it, people read the sentence."""

    ALLOWED = "allowed"
    IN_WINDOW = "in-window"
    WRITE_REFUSED = "write-refused"
    BAD_NAME = "bad-name"
    OUTSIDE_NETWORKS = "outside-networks"
    UNKNOWN_PHONE = "unknown-phone"
    OPTIONAL_FILE = "optional-file"
    SIGNED_ONLY = "signed-only"
    NOT_IN_RELEASE = "not-in-release"
    BLOCKED = "blocked"
    SITE_HELD = "site-held"
    TWO_SITES = "two-sites"
    TWO_ADDRESSES = "two-addresses"
    OTHER_LINK = "other-link"
    OTHER_MAC = "other-mac"
    TWO_MACS = "two-macs"
    OTHER_FRAME = "other-frame"
    NO_FRAME = "no-frame"
    OTHER_LEASE = "other-lease"
    ROUTED = "routed"
    NOT_ON_LINK = "not-on-link"
    NO_WINDOW = "no-window"
    WINDOW_TAKEN = "window-taken"
    BEHAVIOUR = "behaviour"
    LEVEL_TOO_LOW = "level-too-low"
    NEW_PHONE = "new-phone"
    BY_CREDENTIAL = "by-credential"
    NO_CREDENTIAL = "no-credential"
    WRONG_CREDENTIAL = "wrong-credential"
    OTHER_CERTIFICATE = "other-certificate"


DELAYED = frozenset({Finding.SITE_HELD, Finding.NEW_PHONE})
GIVEN = frozenset({Finding.ALLOWED, Finding.IN_WINDOW, Finding.BY_CREDENTIAL})

BECAUSE: Mapping[Finding, str] = MappingProxyType(
    {
        Finding.ALLOWED: "it is {what} of site {site}; level {needed} is enough ({needed_meaning})",
        Finding.IN_WINDOW: "it is {what} of site {site}, and that address holds the window that {who} opened for it",
        Finding.WRITE_REFUSED: "phones may not write files here",
        Finding.BAD_NAME: "{bad_name}",
        Finding.OUTSIDE_NETWORKS: "its address is outside the networks that site {site} allows",
        Finding.UNKNOWN_PHONE: "no phone of site {site} has that MAC address",
        Finding.OPTIONAL_FILE: "the release of site {site} does not contain it; this is harmless, phones work "
        "without this optional file",
        Finding.SIGNED_ONLY: "the phone accepts signed files only, so it still has another system's trust list; "
        "erase its CTL and ITL in the phone's security settings",
        Finding.NOT_IN_RELEASE: "the release of site {site} does not contain that name",
        Finding.BLOCKED: "that phone is blocked at the hub; to admit it again: ringfence guard unban",
        Finding.SITE_HELD: "phones' own files are held back here: {held}",
        Finding.TWO_SITES: "the phone with that MAC address is already at {before}",
        Finding.TWO_ADDRESSES: "the phone with that MAC address is already at {before}",
        Finding.OTHER_LINK: "the phone with that MAC address is already on link {before}, and this request came over "
        "another",
        Finding.OTHER_MAC: "that address belongs to MAC {macs}, not to the phone it asks for",
        Finding.TWO_MACS: "two machines claim that address: {macs}",
        Finding.OTHER_FRAME: "the frame came from MAC {frames}, which the neighbour table does not show",
        Finding.NO_FRAME: "no frame with that request was seen on any link of this machine",
        Finding.OTHER_LEASE: "the DHCP server gave that address to MAC {lease}, not to the phone it asks for",
        Finding.ROUTED: "it came through a router (TTL {ttl}), so no link of this machine proves its MAC address",
        Finding.NOT_ON_LINK: "no link of this machine shows whose address that is, and site {site} needs level "
        "{needed} for {what} ({needed_meaning})",
        Finding.NO_WINDOW: "site {site} gives {what} to the internet only inside a window that a person opens: "
        "ringfence guard open",
        Finding.WINDOW_TAKEN: "the window for that phone belongs to {bound_to}, which asked first",
        Finding.BEHAVIOUR: "it does not behave like the phone that it claims to be ({score} of 100 points, {enough} "
        "are enough; {worst})",
        Finding.LEVEL_TOO_LOW: "site {site} needs level {needed} for {what} ({needed_meaning}), and the request "
        "reached {reached} ({reached_meaning})",
        Finding.BY_CREDENTIAL: "it is {what} of site {site}, and the sender knows that phone's credential",
        Finding.NO_CREDENTIAL: "its place does not prove that it is that phone, and it gave no credential yet; it was "
        "asked for it",
        Finding.WRONG_CREDENTIAL: "the credential that it gave is not that phone's",
        Finding.OTHER_CERTIFICATE: "the sender holds the key of phone {certificate_of}, and this is another "
        "phone's file",
        Finding.NEW_PHONE: "it is that phone's first contact at site {site}, which waits for {waits_for}",
    }
)
WAITS_FOR: Mapping[FirstContact, str] = MappingProxyType(
    {
        FirstContact.ALLOW: "nothing",
        FirstContact.HOLD: "a person's approval: ringfence guard accept",
        FirstContact.WINDOW: "a window: ringfence guard open",
        FirstContact.DHCP: "that MAC address to ask for an address by DHCP as a phone does, or ringfence guard accept",
    }
)
