"""The names of the files that phones ask for: which phone they belong to, and in which order they come.

This module runs in the serving worker: it imports only the standard library and ``mac``.
Sources: PHONES.md sections 1, 1b, 3, 4e and 7.
"""

import re
from collections.abc import Collection

from ringfence.phones.errors import BadMac
from ringfence.phones.mac import Mac

# One phone's own names: SEP….cnf.xml(.sgn|.enc.sgn), CTLSEP….tlv, ITLSEP….tlv, ATA….cnf.xml, SIP….cnf, the SPA's
# and MPP's spa….cfg, ….xml, Yealink's ….cfg, and Snom's snomD785-….htm and snomD785-…-firmware.xml. Matched in any
# case: a name that differs by case only is still that phone's name.
_OWNED = re.compile(
    r"(?:(?:(?:CTL|ITL)?SEP|ATA|SIP)([0-9A-F]{12})(?![0-9A-F])|(?:SPA|ATA|CISCO|8821-WLAN)?([0-9A-F]{12})\.(?:CFG|XML)$"
    r"|SNOM[A-Z0-9]+-([0-9A-F]{12})(?:-FIRMWARE)?\.(?:HTM|XML)$)"
)

_SECOND_PORT = re.compile(r"ATA([0-9A-F]{10})01\.CNF\.XML")
_WITH_CREDENTIAL = re.compile(r"[0-9A-F]{12}\.cfg|snom[A-Z0-9]+-[0-9A-F]{12}(?:-firmware)?\.(?:htm|xml)", re.IGNORECASE)
_TRUST_LIST = re.compile(r"(?:CTL|ITL)SEP[0-9A-F]{12}\.tlv", re.IGNORECASE)

_OPTIONAL = re.compile(
    r"""
      (?:CTL|ITL)SEP[0-9A-F]{12}\.tlv | (?:CTL|ITL)File\.tlv          # trust lists
    | dialplan\.xml | DialTemplate\.xml | AppDialRules\.xml | DialRules\.xml | DialingRules\.xml | LdapDirectories\.xml
    | (?:.*/)?(?:g[34]|[a-z0-9]+)-tones\.xml                          # network locale
    | (?:.*/)?[a-z0-9-]+\.jar | (?:.*/)?[a-z0-9-]+-(?:dictionary(?:-ext)?|font|kate)\.xml   # user locale
    | (?:Distinctive)?Ringlist(?:-wb)?\.xml | Desktops/.* | .*\.(?:raw|rwb|pcm)
    | SoftKeys?\.xml | FeaturePolicy\.xml | defaultheadsetconfig\.json | XMLDefault\.cnf\.xml
    | authorized_keys | 8821-WLAN(?:Default|[0-9A-F]{12})\.xml          # Cisco's caveat CSCvf87854 has these two
    | (?:[0-9a-f]{12}|y[0-9]{12})\.boot | y[0-9]{12}\.cfg               # Yealink: what leads to other files
    | ATA[0-9A-F]{10}01\.cnf\.xml                                      # an ATA 190's second port
    | snom[a-z0-9]+\.(?:htm|xml)                                       # Snom: for all phones of a model
    """,
    re.VERBOSE | re.IGNORECASE,
)

# Loads, the images that they list, and packed images, each maybe in a signed envelope (PHONES.md sections 7 and 7.1).
_FIRMWARE = re.compile(r".*\.(?:loads|sbn|sb2|sebn|bin[0-9]*|img|rom|zz|swu)(?:\.sgn)?", re.IGNORECASE | re.DOTALL)

LOADS_SUFFIX = ".loads"
_RECOVERY = re.compile(r"term\d\d\.default\.loads", re.IGNORECASE)

_ENCRYPTED_SUFFIX = ".enc.sgn"
_SIGNED_SUFFIXES = (_ENCRYPTED_SUFFIX, ".sgn")


def owner_of(name: str) -> Mac | None:
    """Return the phone that ``name`` names, or None for a name that no single phone owns.

    The name may be as a phone or a stranger writes it: parts that ``content.names`` drops hide nobody.
    """
    parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", "."}]
    found = _OWNED.match(parts[-1].upper()) if parts else None
    if found is None:
        return None
    try:
        return Mac.parse(found[1] or found[2] or found[3])
    except BadMac:
        return None  # SEP000000000000 and the like: a form without a phone


def device_of_second_port(name: str, owners: Collection[str]) -> str | None:
    """Return which of these phones (bare addresses) asks for ``name`` as an ATA 190 does for its second port's file.

    The name holds the address without its first octet, and 01: what looks like an address there is none.
    """
    found = _SECOND_PORT.fullmatch(name.rpartition("/")[2].upper())
    return next((bare for bare in owners if bare[2:] == found[1]), None) if found is not None else None


def is_credential_asked_for(name: str) -> bool:
    """Return whether a name is of a form by which phones with a provisioning credential ask for their own files."""
    return owner_of(name) is not None and _WITH_CREDENTIAL.fullmatch(name.rpartition("/")[2]) is not None


def says_nothing_of_phones(name: str) -> bool:
    """Return whether "there is no such file" tells a stranger nothing about which phones there are.

    So it is for files that no single phone owns, and for trust lists: most phones that ask for theirs find none.
    """
    return owner_of(name) is None or _TRUST_LIST.fullmatch(name.lstrip("/")) is not None


def configuration_name(mac: Mac) -> str:
    """Return the name under which a Cisco enterprise phone asks for its configuration."""
    return f"SEP{mac.bare}.cnf.xml"


def trust_list_name(mac: Mac) -> str:
    """Return the name under which a Cisco enterprise phone asks for its own trust list (PHONES.md section 1)."""
    return f"ITLSEP{mac.bare}.tlv"


def plain_name(name: str) -> str:
    """Return a name without what the signed and the encrypted form of a file add to it."""
    for suffix in _SIGNED_SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def is_optional(name: str) -> bool:
    """Return whether phones go on without ``name`` (PHONES.md section 1: only SEP<MAC>.cnf.xml is mandatory)."""
    return _OPTIONAL.fullmatch(plain_name(name).lstrip("/")) is not None


def is_firmware(name: str) -> bool:
    """Return whether ``name`` is one of the maker's own files, which phones ask for in their load's case or another."""
    return _FIRMWARE.fullmatch(name) is not None and owner_of(name) is None


def is_loads(name: str) -> bool:
    """Return whether a name is a load's list."""
    return name.lower().endswith(LOADS_SUFFIX)


def is_recovery(name: str) -> bool:
    """Return whether a name is what a phone asks for after a factory reset."""
    return _RECOVERY.fullmatch(name) is not None


def is_signed_configuration(name: str) -> bool:
    """Return whether ``name`` is a configuration in signed form: its phone holds a trust list (section 5.2)."""
    return name.endswith(_SIGNED_SUFFIXES) and ".cnf.xml" in name


def is_configuration(name: str, mac: Mac) -> bool:
    """Return whether a name is the configuration of the phone with this MAC address."""
    return owner_of(name) == mac and not name.upper().startswith(("CTL", "ITL")) and not name.lower().endswith(".tlv")


def is_own_configuration(name: str) -> bool:
    """Return whether a name is the one under which a Cisco enterprise phone asks for its configuration."""
    owner = owner_of(name)
    return owner is not None and name == configuration_name(owner)


def is_first_of_configuration(name: str, mac: Mac) -> bool:
    """Return whether a name is the one by which a phone's boot is counted.

    It is the configuration's, and in encrypted form that of the stub: the encrypted file comes after it.
    """
    return is_configuration(name, mac) and not name.endswith(_ENCRYPTED_SUFFIX)
