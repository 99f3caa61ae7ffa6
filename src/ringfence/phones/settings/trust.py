"""The settings of phones whose files are signed or encrypted; what follows is in ``phones/trust``."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from ringfence.phones.settings.builders import choice_setting
from ringfence.phones.settings.types import Mark, Setting

TRUST = "trust"
PLAIN_FILES = "plain_files"
SIGNATURE_HASH = "signature_hash"
TRUST_TRANSPORT = "trust_transport"
CAPF_AUTH = "capf_auth"
CAPF_SERVER = "capf_server"
EDGE_URL = "edge_url"
KEEP = "keep"
OFF = "off"
_FORMS = "the forms of the phone's files"
_SOURCE = "PHONES.md section 5; TRUST.md, order of operations"

_TRUST = choice_setting(
    TRUST,
    "Whose files the phone takes: off (anybody's), signed (those of this organisation's keys only), encrypted (and its "
    "configuration is one that only its own key opens). `ringfence trust init` makes the keys first.",
    _FORMS,
    {each: each for each in (OFF, "signed", "encrypted")},
    OFF,
)
_PLAIN_FILES = choice_setting(
    PLAIN_FILES,
    "What becomes of the phone's own files in plain form once it takes signed ones: withdraw, or keep.",
    _FORMS,
    {each: each for each in ("withdraw", KEEP)},
    "withdraw",
)
_TRUST_TRANSPORT = choice_setting(
    TRUST_TRANSPORT,
    "How a phone with trust=signed gets its configuration: files (signed, as all its files), or https (by TLS from its "
    "edge at port 6971, and by no other way once it was seen there; its other files stay signed ones). Not with "
    "trust=encrypted. If port 6971 can't be reached, the phone takes its signed file, which can be read on the wire.",
    _FORMS,
    {each: each for each in ("files", "https")},
    "files",
)
_PROFILE_TRUST = replace(
    _TRUST,
    help="Who can read the phone's profile: off (whoever has the file), encrypted (only the phone, by a key that it is "
    "given at first contact). These phones check no signatures: signed is the same as off.",
)
_FIRST_PROFILE = replace(
    _PLAIN_FILES,
    help="What becomes of the first profile, which gives the phone its key, once the phone takes encrypted ones: "
    "withdraw, or keep.",
)


def with_profile_trust(settings: Mapping[str, Setting], source: str) -> Mapping[str, Setting]:
    """Return the settings of a model that takes encrypted profiles with those that say whether it gets them."""
    own = (replace(setting, source=source) for setting in (_PROFILE_TRUST, _FIRST_PROFILE))
    return MappingProxyType({**settings, **{setting.name: setting for setting in own}})


def with_trust(
    settings: Mapping[str, Setting], hashes: Sequence[str], mark: Mark, https: tuple[Mark, str] | None = None
) -> Mapping[str, Setting]:
    """Return a model's settings with those of its trust list.

    Args:
        settings: The others.
        hashes: The hashes of signatures that its firmware checks, the one that it is given by default first.
        mark: How sure that is.
        https: How sure it is that it takes lists of signer version 1.1, and by which source; None if it does not.
    """
    signature_hash = choice_setting(
        SIGNATURE_HASH, "The hash of the signatures that the phone's firmware checks.", "the signatures of its files",
        {each: each for each in hashes}, hashes[0], mark,
    )  # fmt: skip
    own = [replace(setting, source=_SOURCE) for setting in (_TRUST, _PLAIN_FILES, signature_hash)]
    if https is not None:
        own.append(replace(_TRUST_TRANSPORT, mark=https[0], source=https[1]))
    return MappingProxyType({**settings, **{setting.name: setting for setting in own}})
