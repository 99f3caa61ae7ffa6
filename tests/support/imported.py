"""What an imported phone's new file says, and in what it differs from the old one without a remark."""

import re

from ringfence.phones.families import model as model_of
from ringfence.phones.importing.element_paths import texts_by_path
from ringfence.phones.importing.lenient_xml import read_lenient_xml
from ringfence.phones.importing.outcome import ImportedPhone
from ringfence.phones.rendering.patches import patches_of
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.rendering.renderer import Renderer

_RENDERER = Renderer()
_CREDENTIAL = ("/authName", "/authPassword")
_UNNUMBERED = re.compile(r"/(?:line|member)(?:\[\d+\])?/|/line\[@button='(?!\d+'\])")
"""A line whose button is no number, a line or a server that has none: it has one in the new file."""
_BY_TABLE = {
    "dial_plan": "sipProfile/dialTemplate",
    "soft_keys": "sipProfile/softKeyFile",
    "feature_policy": "featurePolicyFile",
}


def rendered(phone: ImportedPhone) -> bytes:
    """Return the phone's own file as a publish makes it."""
    family, _model = model_of(phone.model)
    patches = patches_of([("phone", phone.patches)], family)
    return _RENDERER.render(PhoneToRender(phone.mac, phone.model, "", phone.settings, phone.lines, patches))[-1].data


def differences(old: bytes, phone: ImportedPhone) -> list[str]:
    """Return the elements in which the new file differs from the old one, and of which no remark speaks."""
    before = texts_by_path(read_lenient_xml(old).root)
    after = texts_by_path(read_lenient_xml(rendered(phone)).root)
    told = [remark.element for remark in phone.remarks if remark.element and str(remark.fate) in _EXCUSES]
    tables = {path for table, path in _BY_TABLE.items() if table in phone.settings}
    kept = {asset.name for asset in phone.assets}
    tables |= {path for path in _BY_TABLE.values() if after.get(path) in kept}
    return sorted(
        path
        for path in before | after
        if before.get(path, "") != after.get(path, "")
        and path != "versionStamp"
        and path not in tables
        and not path.endswith(_CREDENTIAL)
        and not _UNNUMBERED.search(path)
        and not any(path == element or path.startswith((element + "/", element + "[")) for element in told)
    )


_EXCUSES = ("mended", "lost", "added")
