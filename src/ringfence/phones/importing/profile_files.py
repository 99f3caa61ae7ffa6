"""Profiles that somebody else wrote for SPA and MPP phones and for adapters, read back into phones.

A profile is ``<mac>.cfg`` or ``<mac>.xml``; the model's own, such as ``spa504G.cfg``, and those that further rules name
count too, where the folder has them. What no setting expresses is kept as a patch, so the new file says what the old
ones said.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from ringfence.errors import BadInput
from ringfence.phones.document import NotWellFormed, line_of
from ringfence.phones.errors import BadMac, BadPatch, NotImportable
from ringfence.phones.families import families
from ringfence.phones.families import model as model_of
from ringfence.phones.family import LOAD_SETTING, Family, Model
from ringfence.phones.flat_profile.daylight_rule import daylight_rule
from ringfence.phones.flat_profile.parameters import ROUTER, parameter
from ringfence.phones.flat_profile.profile_file import (
    LIMITS,
    FlatProfile,
    load_of,
    parameters_of,
    profile_of,
    split_proxy,
)
from ringfence.phones.flat_profile.series import Series, series_of
from ringfence.phones.importing.compared import Comparison, Said, Settled, differences, in_one_line, settle
from ringfence.phones.importing.lenient_xml import read_lenient_xml
from ringfence.phones.importing.outcome import Confidence, Fate, ImportedPhone, ModelGuess, Remark
from ringfence.phones.importing.placeholders import is_placeholder
from ringfence.phones.importing.reader import SaidModels
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.patches import LONGEST_NAME, LONGEST_TEXT, PREFIX
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.clock_rules import zone_names
from ringfence.phones.settings.time_zones import gmt_name
from ringfence.phones.settings.types import Setting, SettingType, Value
from ringfence.secret import Secret

_NAME = re.compile(r"(?:spa|ata|cisco|linksys)?[-_]?(?P<mac>[0-9a-f]{12})\.(?:cfg|xml)", re.IGNORECASE)
_ENCRYPTED = b"Salted__"
_COMPRESSED = b"\x1f\x8b"
_CREDENTIALS = re.compile(r"(?:User_ID|Password|Use_Auth_ID|Auth_ID)_(?P<line>\d{1,2})_")
_OF_LINE = re.compile(r"(?P<name>.+)_(?P<line>\d{1,2})_")
_HOST = re.compile(r"(?:.*SRV=)?(?P<host>[A-Za-z0-9_](?:[\w.-]*\w)?|\[[0-9A-Fa-f:.]+\])")
_RULES = ("Profile_Rule_B", "Profile_Rule_C", "Profile_Rule_D")
_OWN = frozenset({"Profile_Rule"})
"""Where the phone fetches its own file is the product's business."""
_NEEDED = frozenset({"Provision_Enable", "Resync_On_Reset", "Resync_Periodic", "Resync_From_SIP"})
"""Without these a phone would not notice a new file."""
_MPP_ONLY = frozenset({"PC_PORT_Enable", "Admin_Password", "Enable_802.1X_Authentication", "Custom_CA_Rule"})
_CLOCK = frozenset({"Time_Zone", "Daylight_Saving_Time_Enable", "Daylight_Saving_Time_Rule"})
# The setting's element is one of several that it writes, or stands for more than its text.
_BY_HAND = frozenset({"sip_server", "sip_port", "ntp_servers", "time_zone", "web_access", "profile_url", LOAD_SETTING})
_USUAL_ZONES = (
    "Europe/Berlin", "Europe/London", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles",
    "Etc/UTC", "Australia/Sydney", "Asia/Tokyo", "Asia/Singapore",
)  # fmt: skip
"""Which of several zones with one clock a profile is taken to mean."""
_ESSENTIAL = frozenset({"sip_server", "sip_port"})
_SHOWN = ("Short_Name", "Display_Name")
_RENDERER = Renderer()


@dataclass(frozen=True, slots=True)
class _Sources:
    """What the files say, and which files those are."""

    said: Mapping[str, Said] = field(repr=False)
    uses: tuple[str, ...]
    remarks: tuple[Remark, ...]


class ProfileReader:
    """Reads profiles."""

    def mac_of(self, path: str) -> Mac | None:
        """Return whose profile a file is, by its path in the folder; None if it is no phone's of this format."""
        found = _NAME.fullmatch(path.rpartition("/")[2])
        try:
            return Mac.parse(found["mac"]) if found else None
        except BadMac:
            return None

    def read(self, path: str, folder: SourceFolder, said: SaidModels) -> ImportedPhone:
        """Return the phone that a profile configures.

        Raises:
            NotImportable: It does not configure a phone; the error says why, with its line.
        """
        mac = self.mac_of(path)
        if mac is None:
            raise NotImportable("its name is not that of a phone's profile", where=path)
        own = read_parameters(folder.read(path), path)
        # What is said of all others may be about phones of another kind.
        named = said.of(mac) or (said.for_others if _is_of_profiles(said.for_others) else "")
        guess = _guess(own, folder, named, path)
        of, kind = model_of(guess.model)
        if not _reads_profiles(of):
            raise NotImportable(
                f"it is a profile of an SPA or MPP phone or an adapter, which a {kind.name} does not read",
                where=path,
                to_do="Name another model for it.",
            )
        sources = _all_of(own, mac, kind, folder, path)
        return _imported(mac, guess, of, kind, sources, path)


def read_parameters(data: bytes, path: str) -> dict[str, Said]:
    """Return the parameters of a profile by name; of two of one name the last counts, as on the phone.

    Raises:
        NotImportable: It is not a profile that can be read; the error says why, with its line.
    """
    if data.startswith(_ENCRYPTED):
        raise NotImportable(
            "it is encrypted with a key",
            where=path,
            to_do="Decrypt it with its key, or import the file that it was made from.",
        )
    if data.startswith(_COMPRESSED):
        raise NotImportable("it is compressed", where=path, to_do="Unpack it with gunzip first.")
    try:
        root = read_lenient_xml(data).root
    except NotWellFormed as fault:
        line = f", line {fault.line}" if fault.line else ""
        raise NotImportable(f"it is not XML that a phone could read: {fault.reason}", where=path + line) from None
    profile = profile_of(root)
    if profile is None:
        raise NotImportable(f"it has no flat-profile element; its root is {root.tag!r}", where=path)
    return {
        name: Said((node.text or "").strip(), line_of(node), node.get("ua")) for name, node in parameters_of(profile)
    }


def comparison(kind: Model, said: Mapping[str, Said]) -> Comparison:
    """Return how an old profile, which says ``said``, is compared with the new one of a model."""
    series, format_ = series_of(kind), FlatProfile()
    own = {str(line.index) for line in _accounts(said, kind)}

    def is_derived(name: str) -> bool:
        credential = _CREDENTIALS.fullmatch(name)
        return name in _OWN or (credential is not None and credential["line"] in own)

    def is_same(name: str, old: str, new: str) -> bool:
        if old == new or old.lower() == new.lower() in {"yes", "no"}:
            return True
        parts = _OF_LINE.fullmatch(name)
        if parts and parts["name"] == "Proxy":
            # A port switches the search by DNS off, so it is not added where that is on.
            by_dns = said.get(f"Use_DNS_SRV_{parts['line']}_", Said("")).text.lower() == "yes"
            return split_proxy(old) == split_proxy(new) and not by_dns
        if name in _CLOCK or name.endswith("Daylight_Saving_Time_Rule"):
            return _plain_rule(old) == _plain_rule(new)
        return False

    def refuses(name: str, text: str) -> str:
        known = parameter(name, series)
        if text and known is not None and not known.values.taken(text):
            return f"{name} is {text[:40]!r}, which a {kind.name} does not take: it takes {known.values.says}"
        return f"{name} has {len(text)} characters" if len(text) > LONGEST_TEXT else ""

    def can_patch(name: str) -> bool:
        try:
            format_.check_patch(name)
        except BadPatch:
            return False
        return len(name) + len(PREFIX) + 20 <= LONGEST_NAME

    return Comparison(is_derived, _NEEDED, is_same, refuses, can_patch)


def _plain_rule(text: str) -> str:
    """Return a rule for summer time without what may be left out of it."""
    rule = text.replace(" ", "").lower().strip(";")
    return re.sub(r"(?<=[/=]\d)(?::0{1,2}){1,2}(?=;|$)|(?<=/\d\d)(?::0{1,2}){1,2}(?=;|$)", "", rule)


def _is_of_profiles(named: str) -> bool:
    return bool(named) and _reads_profiles(model_of(named)[0])


def _reads_profiles(of: Family) -> bool:
    return any(isinstance(file.format, FlatProfile) for file in of.files)


def _guess(own: Mapping[str, Said], folder: SourceFolder, named: str, path: str) -> ModelGuess:
    """Return which model a profile is for, by all that tells."""
    if named:
        return ModelGuess(model_of(named)[1].name, Confidence.CERTAIN, because="it was named")
    models = [kind for of in families().values() if _reads_profiles(of) for kind in of.models.values()]
    series, why = _series(own)
    models = [kind for kind in models if series_of(kind) is series]
    evidence = [why]
    last = max(
        (int(parts["line"]) for name in own if (parts := _OF_LINE.fullmatch(name)) and own[name].text), default=1
    )
    load = load_of(own.get("Upgrade_Rule", Said("")).text)
    for what, fitting in (
        (f"its firmware {load}", [kind for kind in models if load and kind.runs(load)]),
        ("the model's profile in the folder", [kind for kind in models if _first_file(kind, folder, path) is not None]),
        (f"its {last} lines or keys", [kind for kind in models if kind.line_keys.value >= last]),
    ):
        if fitting and len(fitting) < len(models):
            models = fitting
            evidence.append(what)
    best = min(models, key=lambda kind: (kind.line_keys.value < last, kind.line_keys.value))
    others = tuple(kind.name for kind in models if kind is not best)
    sure = Confidence.CERTAIN if not others else Confidence.LIKELY
    return ModelGuess(best.name, sure, others, " and ".join(filter(None, evidence)))


def _series(own: Mapping[str, Said]) -> tuple[Series, str]:
    if any(name.startswith(f"{ROUTER}/") for name in own) or "Caller_ID_Method" in own:
        return Series.ADAPTER, "its section for a router"
    if not _MPP_ONLY.isdisjoint(own):
        return Series.MPP, "names that only multiplatform phones have"
    return Series.SPA, ""


def _first_file(kind: Model, folder: SourceFolder, path: str) -> str | None:
    """Return the path of the model's profile for the phone whose own is at ``path``, None if there is none."""
    of, _kind = model_of(kind.name)
    return folder.find_beside(path, of.files[0].name.format(psn=kind.psn, model=kind.name))


def _all_of(own: Mapping[str, Said], mac: Mac, kind: Model, folder: SourceFolder, path: str) -> _Sources:
    """Return what the model's profile, the phone's own, and those that its further rules name say together."""
    said: dict[str, Said] = {}
    uses: list[str] = []
    remarks: list[Remark] = []
    first = _first_file(kind, folder, path)
    if first is not None and first != path:
        said |= _of_another(folder, first)
        uses.append(first)
    said |= own
    for rule in _RULES:
        text = said[rule].text if rule in said else ""
        name = text.rpartition("/")[2].replace("$MAU", mac.bare).replace("$MA", mac.bare.lower())
        further = folder.find_beside(path, name.replace("$PSN", kind.psn)) if name else None
        if further is None:
            if text:
                remarks.append(Remark(Fate.NOTE, rule, f"the phone goes on to fetch by {rule}", said[rule].line))
            continue
        line = said.pop(rule).line
        if further == path:
            remarks.append(Remark(Fate.MENDED, rule, f"{rule} leads to the phone's own profile and is dropped", line))
            continue
        said |= _of_another(folder, further)
        uses.append(further)
        remarks.append(Remark(Fate.MENDED, rule, f"what {further} says is in the phone's own file now", line))
    return _Sources(said, tuple(uses), tuple(remarks))


def _of_another(folder: SourceFolder, path: str) -> dict[str, Said]:
    """Return what another file says, without its lines: remarks are about the phone's own."""
    return {name: replace(said, line=0) for name, said in read_parameters(folder.read(path), path).items()}


def _imported(mac: Mac, guess: ModelGuess, of: Family, kind: Model, sources: _Sources, path: str) -> ImportedPhone:
    remarks = list(sources.remarks)
    said = _mended(sources.said, remarks)
    lines = _accounts(said, kind)
    if not lines:
        raise NotImportable("it has no line with a user", where=path, to_do="Phones register with one.")
    unfilled = [
        line.index
        for line in lines
        if is_placeholder(line.name) or is_placeholder(line.password.reveal(), is_secret=True)
    ]
    if unfilled:
        raise NotImportable(f"it is a template: the account of line {unfilled[0]} is still to be filled in", where=path)
    if not any(line.password for line in lines):
        raise NotImportable("it has no line with a password", where=path, to_do="Phones register with one.")
    settings = _settings(said, kind, lines[0].index)
    if not settings.get("sip_server"):
        raise NotImportable("it names no SIP server", where=path)
    how = comparison(kind, said)
    essential = {name: value for name, value in settings.items() if name in _ESSENTIAL}
    try:
        settings, settled, new = _settled(PhoneToRender(mac, kind.name, "", settings, lines), of, said, how)
    except BadInput:
        # Values that contradict each other are kept one by one, as the phone has them.
        try:
            settings, settled, new = _settled(PhoneToRender(mac, kind.name, "", essential, lines), of, said, how)
        except BadInput as fault:
            raise NotImportable(f"no phone could use it: {fault.what}", where=path, to_do=fault.to_do) from None
    lost = {remark.element for remark in settled.remarks if remark.fate in {Fate.LOST, Fate.ADDED}}
    remarks += settled.remarks
    remarks += [
        Remark(Fate.LOST, name, f"{name} is not in the new file as it was in the old one")
        for name in differences(said, new, how)
        if name not in lost
    ]
    if "Profile_Rule" in said:
        remarks.append(
            Remark(
                Fate.MENDED, "Profile_Rule", "the phone fetches its profile from the edge", said["Profile_Rule"].line
            )
        )
    patches = {f"{PREFIX}{of.id}:{name}": text for name, text in settled.patches.items()}
    return ImportedPhone(mac, guess, lines, settings, patches, tuple(remarks), sources.uses)


def _settled(
    phone: PhoneToRender, of: Family, said: Mapping[str, Said], how: Comparison
) -> tuple[dict[str, Value], Settled, dict[str, Said]]:
    """Return the settings with what is to be left out, what makes the new file like the old one, and what it says."""
    settled = settle(said, _rendered(phone), how)
    settings = dict(phone.settings)
    if settled.left_out:
        settings["leave_out"] = ",".join(settled.left_out)
    whole = replace(phone, settings=settings, patches={of.files[-1].key: dict(settled.patches)})
    return settings, settled, _rendered(whole)


def _rendered(phone: PhoneToRender) -> dict[str, Said]:
    return read_parameters(_RENDERER.render(phone)[-1].data, "the new file")


def _mended(said: Mapping[str, Said], remarks: list[Remark]) -> dict[str, Said]:
    """Return what is said in one line each, with names to show as long as is known to be safe."""
    found: dict[str, Said] = {}
    for name, each in said.items():
        text = each.text if _CREDENTIALS.fullmatch(name) else in_one_line(each.text)
        if text != each.text:
            remarks.append(Remark(Fate.MENDED, name, f"{name} is written in one line", each.line))
        parts = _OF_LINE.fullmatch(name)
        if parts and parts["name"] in _SHOWN and len(text) > (most := LIMITS[parts["name"]].we_write):
            text = text[:most].rstrip()
            remarks.append(Remark(Fate.MENDED, name, f"{name} is cut to {most} characters", each.line))
        found[name] = replace(each, text=text)
    return found


def _accounts(said: Mapping[str, Said], kind: Model) -> tuple[LineAccount, ...]:
    """Return the lines that have a user and are not switched off."""
    found = []
    for index in range(1, kind.line_keys.value + 1):
        text = {
            name: said[f"{name}_{index}_"].text if f"{name}_{index}_" in said else ""
            for name in ("User_ID", "Password", "Use_Auth_ID", "Auth_ID", "Display_Name", "Short_Name", "Line_Enable")
        }
        if not text["User_ID"] or text["Line_Enable"].lower() == "no":
            continue
        uses_auth = text["Use_Auth_ID"].lower() == "yes" or series_of(kind) is Series.MPP
        auth = text["Auth_ID"] if uses_auth and text["Auth_ID"] else text["User_ID"]
        found.append(
            LineAccount(
                index, text["Short_Name"], text["User_ID"], text["Display_Name"], auth, Secret(text["Password"])
            )
        )
    return tuple(found)


def _settings(said: Mapping[str, Said], kind: Model, line: int) -> dict[str, Value]:
    """Return the value of each setting that a profile expresses; ``line`` is the line that speaks for all."""
    found: dict[str, Value] = {}
    proxy = said.get(f"Proxy_{line}_", Said("")).text
    host, port = split_proxy(proxy)
    plain = _HOST.match(host)
    for name, value in (("sip_server", plain["host"] if plain else ""), ("sip_port", port)):
        _put(found, kind, name, value)
    clocks = [said[name].text for name in ("Primary_NTP_Server", "Secondary_NTP_Server") if name in said]
    router = said.get(f"{ROUTER}/Time_Setup/Time_Server", Said("")).text
    if series_of(kind) is Series.ADAPTER:
        clocks = [router]
    if any(clocks):
        _put(found, kind, "ntp_servers", ",".join(filter(None, clocks)))
    _put(found, kind, "time_zone", _zone(said, kind))
    load = load_of(said.get("Upgrade_Rule", Said("")).text)
    if load and said["Upgrade_Rule"].text == f"/{load}{kind.load_suffix}" and kind.runs(load):
        _put(found, kind, LOAD_SETTING, load)
    for name, setting in kind.settings.items():
        if name in _BY_HAND or setting.type is SettingType.TABLE:
            continue
        text = _text_of(said, setting, line)
        if text is not None and (value := _value(setting, text)) is not None:
            found[name] = value
    return found


def _zone(said: Mapping[str, Said], kind: Model) -> str:
    """Return a zone whose clock is the one that a profile describes; empty if there is none."""
    if series_of(kind) is Series.ADAPTER:
        return ""
    text = {name: said[name].text if name in said else "" for name in _CLOCK}
    rule = (
        _plain_rule(text["Daylight_Saving_Time_Rule"]) if text["Daylight_Saving_Time_Enable"].lower() == "yes" else ""
    )
    return _zone_with(text["Time_Zone"], rule)


@cache
def _zone_with(offset: str, rule: str) -> str:
    fitting = [zone for zone in zone_names() if gmt_name(zone) == offset and _plain_rule(daylight_rule(zone)) == rule]
    return next((zone for zone in _USUAL_ZONES if zone in fitting), fitting[0] if fitting else "")


def _text_of(said: Mapping[str, Said], setting: Setting, line: int) -> str | None:
    for name in (setting.element, f"{setting.element}_{line}_"):
        if name in said:
            return said[name].text
    return next((each.text for name, each in said.items() if name.endswith(f"/{setting.element}")), None)


def _value(setting: Setting, text: str) -> Value | None:
    """Return the value that a profile's text stands for, None if the setting has none for it."""
    for value, written in setting.wire.items():
        if written and written.lower() == text.lower():
            return value
    if setting.wire or not text:
        return None
    try:
        value = setting.parse(text)
    except BadInput:
        return None
    return value if setting.on_wire(value) == text else None


def _put(found: dict[str, Value], kind: Model, name: str, value: Value) -> None:
    """Add a setting's value if the model's setting takes it."""
    setting = kind.settings.get(name)
    if setting is None or not value:
        return
    try:
        found[name] = setting.check(value)
    except BadInput:
        return
