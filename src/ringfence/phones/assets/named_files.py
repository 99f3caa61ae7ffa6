"""Files that phones fetch because their configuration names them: dial plans, soft keys and feature policies.

They say more than the tables of settings can, so they are kept as they are: parsed, and written without comments.
"""

from collections.abc import Mapping
from types import MappingProxyType

from lxml import etree

from ringfence.phones.cisco.key_settings import DIAL_PLAN_BYTES
from ringfence.phones.document import NotWellFormed, parse
from ringfence.phones.errors import BadAsset

DIAL_PLAN, SOFT_KEYS, FEATURE_POLICY = "dial_plan_file", "soft_key_file", "feature_policy_file"
"""The settings that name such a file; each is the variant of its files."""
_BY_ROOT: Mapping[str, str] = MappingProxyType(
    {"dialtemplate": DIAL_PLAN, "softkeycfg": SOFT_KEYS, "featurepolicy": FEATURE_POLICY}
)


def naming_setting(root: etree._Element) -> str | None:
    """Return the setting that names a file with this root; None if it is none of these files."""
    return _BY_ROOT.get(root.tag.lower())


def written(root: etree._Element) -> bytes:
    """Return a file as it is published.

    Raises:
        BadAsset: No phone would take it.
    """
    data = etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"
    try:
        parse(data)
    except NotWellFormed as fault:
        raise BadAsset(f"it is not well-formed: {fault.reason}") from None
    if naming_setting(root) == DIAL_PLAN and len(data) > DIAL_PLAN_BYTES:
        raise BadAsset(
            f"it has {len(data)} bytes, but phones drop dial plans of more than {DIAL_PLAN_BYTES}",
            to_do="Shorten the list that it is made of.",
        )
    return data
