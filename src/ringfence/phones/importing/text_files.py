"""The text files of 7940 and 7960 phones that somebody else wrote, read back into phones.

A phone holds what ``SIPDefault.cnf`` says and then what ``SIP<MAC>.cnf`` says, which wins. What no setting expresses is
kept as a patch of the phone's own file, so the new files together say what the old ones said.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from ringfence.counted import counted
from ringfence.errors import BadInput
from ringfence.phones.errors import BadMac, BadPatch, NotImportable
from ringfence.phones.families import model as model_of
from ringfence.phones.family import LOAD_SETTING, Family, Model
from ringfence.phones.formats.text_file import LARGEST_BYTES, NamedValues
from ringfence.phones.importing.compared import Comparison, Said, Settled, differences, in_one_line, not_read, settle
from ringfence.phones.importing.outcome import Confidence, Fate, ImportedPhone, ModelGuess, Remark
from ringfence.phones.importing.placeholders import is_placeholder
from ringfence.phones.importing.reader import SaidModels
from ringfence.phones.importing.setting_values import value_of
from ringfence.phones.importing.side_files import SideFile, read_dial_plan
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.patches import LONGEST_TEXT, PREFIX
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret

_NAME = re.compile(r"SIP(?P<mac>[0-9A-F]{12})\.cnf", re.IGNORECASE)
_DEFAULT = "SIPDefault.cnf"
_FAMILY_MODELS = ("7940", "7960")
_LINE = re.compile(r'\s*(?P<name>[A-Za-z][A-Za-z0-9_]*)\s*:\s*(?:"(?P<quoted>[^"]*)".*|(?P<plain>.*))')
# What follows a ; or a # behind a space is a comment, unless quotes are around it.
_COMMENT = re.compile(r"\s*;.*|\s+#.*")
_ACCOUNT = re.compile(r"line(?P<line>\d)_(?:name|authname|password)")
_OF_LINE = re.compile(r"line(?P<line>\d)_(?P<what>name|shortname|displayname|authname|password)")
_UNPROVISIONED = "UNPROVISIONED"
"""What the phone itself shows for a line without an account, and what files therefore hold."""
_CALL_MANAGER = "USECALLMANAGER"
_PLAN, _PLAN_SUFFIX = "dialplan", ".xml"
"""The dial plan that the phone asks for if its file names none."""
_SHOWN = ("label", "shortname", "displayname")
_SETTINGS: Mapping[str, str] = {
    "proxy1_address": "sip_server", "proxy1_port": "sip_port", "proxy_backup": "sip_server_2",
    "outbound_proxy": "outbound_proxy", "outbound_proxy_port": "outbound_proxy_port",
    "timer_register_expires": "register_expires_s", "voip_control_port": "sip_listen_port",
    "start_media_port": "media_port_first", "end_media_port": "media_port_last", "nat_enable": "nat_enabled",
    "nat_address": "nat_address", "preferred_codec": "preferred_codec", "enable_vad": "silence_suppression",
    "dtmf_outofband": "dtmf_mode", "dtmf_avt_payload": "dtmf_payload", "call_waiting": "call_waiting",
    "anonymous_call_block": "anonymous_call_block", "callerid_blocking": "caller_id_blocking",
    "messages_uri": "voicemail_number", "services_url": "services_url", "directory_url": "directory_url",
    "sntp_server": "ntp_servers", "time_zone": "zone_name", "phone_label": "phone_label",
    "phone_password": "phone_password", "image_version": LOAD_SETTING,
}  # fmt: skip
_ESSENTIAL = frozenset({"sip_server", "sip_port", "zone_name", "dial_plan", "dial_plan_file"})
_RENDERER = Renderer()


class TextFileReader:
    """Reads ``SIP<MAC>.cnf`` with its ``SIPDefault.cnf``."""

    def mac_of(self, path: str) -> Mac | None:
        """Return whose file it is, by its path in the folder; None if it is no phone's of this format."""
        found = _NAME.fullmatch(path.rpartition("/")[2])
        try:
            return Mac.parse(found["mac"]) if found else None
        except BadMac:
            return None

    def read(self, path: str, folder: SourceFolder, said: SaidModels) -> ImportedPhone:
        """Return the phone that a file configures, together with the site's.

        Raises:
            NotImportable: It does not configure a phone; the error says why, with its line.
        """
        mac = self.mac_of(path)
        if mac is None:
            raise NotImportable("its name is not that of a phone's text file", where=path)
        data = folder.read(path)
        own, unread = read_values(data, path)
        remarks = not_read(unread, "not of the form name: value, which phones pass over")
        if not _is_utf8(data):
            remarks.append(Remark(Fate.MENDED, "", "its letters are Latin-1; the new file has them in UTF-8"))
        uses: list[str] = []
        held: dict[str, Said] = {}
        default = folder.find_beside(path, _DEFAULT)
        if default is not None:
            held, _unread = read_values(folder.read(default), default)
            # A line of the site's file would be named with the phone's: the remark is about the phone's own file.
            held = {name: replace(each, line=0) for name, each in held.items()}
            uses.append(default)
        held |= own
        # What is said of all others may be about phones of another kind.
        named = said.of(mac) or (said.for_others if _is_of_text_files(said.for_others) else "")
        guess = _guess(held, named)
        of, kind = model_of(guess.model)
        if not _is_of_text_files(kind.name):
            raise NotImportable(
                f"it is a text file of a 7940 or 7960, which a {kind.name} does not read",
                where=path,
                to_do="Name one of these models for it.",
            )
        return _imported(mac, guess, of, kind, held, folder, path, uses, remarks)


def read_values(data: bytes, path: str) -> tuple[dict[str, Said], list[int]]:
    """Return the values of a text file by name, and the lines that hold none; of two of one name the last counts.

    It is UTF-8, else Latin-1. Comments, and what follows a value in quotes, are passed over.

    Raises:
        NotImportable: It is not a text file of these phones.
    """
    if len(data) > LARGEST_BYTES or b"\0" in data:
        raise NotImportable("it is not a text file of a phone", where=path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    found: dict[str, Said] = {}
    unread: list[int] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.strip()[0] in "#;":
            continue
        parts = _LINE.fullmatch(line)
        if parts is None:
            unread.append(number)
            continue
        quoted = parts["quoted"]
        value = _COMMENT.sub("", parts["plain"], count=1).strip() if quoted is None else quoted.strip()
        found[parts["name"]] = Said(value, number)
    return found, unread


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def comparison(kind: Model, held: Mapping[str, Said]) -> Comparison:
    """Return how what an old phone held is compared with what it will hold."""
    format_ = NamedValues()
    own = {str(line.index) for line in _accounts(held, kind)}

    def is_derived(name: str) -> bool:
        account = _ACCOUNT.fullmatch(name)
        return name == "dial_template" or (account is not None and account["line"] in own)

    def refuses(name: str, text: str) -> str:
        if len(text) > LONGEST_TEXT:
            return f"{name} has {len(text)} characters"
        if '"' in text:
            return f"{name} holds a \", which the phone's file can't contain"
        limit = kind.limits.get(re.sub(r"^line\d+_", "line_", name))
        if limit is not None and len(text) > limit.we_write:
            return f"{name} has {len(text)} characters, but a {kind.name} takes at most {limit.we_write}"
        return ""

    def can_patch(name: str) -> bool:
        try:
            format_.check_patch(name)
        except BadPatch:
            return False
        return True

    return Comparison(is_derived, frozenset({"proxy_register"}), lambda _name, old, new: old == new, refuses, can_patch)


def _is_of_text_files(named: str) -> bool:
    return bool(named) and model_of(named)[0] is model_of(_FAMILY_MODELS[0])[0]


def _guess(held: Mapping[str, Said], named: str) -> ModelGuess:
    if named:
        return ModelGuess(model_of(named)[1].name, Confidence.CERTAIN, because="it was named")
    last = max(
        (int(parts["line"]) for name in held if (parts := _OF_LINE.fullmatch(name)) and held[name].text), default=1
    )
    small, large = _FAMILY_MODELS
    if last > model_of(small)[1].line_keys.value:
        return ModelGuess(large, Confidence.CERTAIN, because=counted(last, "line"))
    return ModelGuess(small, Confidence.LIKELY, (large,), f"{counted(last, 'line')}, for which both have room")


def _imported(
    mac: Mac, guess: ModelGuess, of: Family, kind: Model, held: Mapping[str, Said], folder: SourceFolder, path: str,
    uses: list[str], remarks: list[Remark],
) -> ImportedPhone:  # fmt: skip
    held = _cut(held, kind, remarks)
    lines = _accounts(held, kind)
    unfilled = [
        line.index
        for line in lines
        if is_placeholder(line.name) or is_placeholder(line.password.reveal(), is_secret=True)
    ]
    if unfilled:
        raise NotImportable(f"it is a template: the account of line {unfilled[0]} is still to be filled in", where=path)
    if not any(line.password for line in lines):
        raise NotImportable("it has no line with a password", where=path, to_do="Phones register with one.")
    settings = _settings(held, kind)
    if str(settings.get("sip_server", "")).upper() == _CALL_MANAGER and "call_manager1_addr" in held:
        # The phone registers with its call manager; what it is told as its proxy stays as it is.
        settings |= _settings(
            {"proxy1_address": held["call_manager1_addr"], "proxy1_port": held.get("call_manager1_sip_port", Said(""))},
            kind,
        )
    if not settings.get("sip_server"):
        raise NotImportable("it names no SIP server", where=path, to_do=f"Is {_DEFAULT} missing in the folder?")
    remarks += _dial_plan(held, folder, kind, settings, uses, path)
    how = comparison(kind, held)
    essential = {name: value for name, value in settings.items() if name in _ESSENTIAL}
    try:
        settings, settled, new = _settled(PhoneToRender(mac, kind.name, "", settings, lines), of, held, how)
    except BadInput:
        # Values that contradict each other are kept one by one, as the phone has them.
        try:
            settings, settled, new = _settled(PhoneToRender(mac, kind.name, "", essential, lines), of, held, how)
        except BadInput as fault:
            raise NotImportable(f"no phone could use it: {fault.what}", where=path, to_do=fault.to_do) from None
    known = {remark.element for remark in settled.remarks if remark.fate in {Fate.LOST, Fate.ADDED}}
    remarks += settled.remarks
    remarks += [
        Remark(Fate.LOST, name, f"{name} is not in the new file as it was in the old one")
        for name in differences(held, new, how)
        if name not in known
    ]
    patches = {f"{PREFIX}{of.id}:{name}": text for name, text in settled.patches.items()}
    return ImportedPhone(mac, guess, lines, settings, patches, tuple(remarks), tuple(uses))


def _settled(
    phone: PhoneToRender, of: Family, held: Mapping[str, Said], how: Comparison
) -> tuple[dict[str, Value], Settled, dict[str, Said]]:
    """Return the settings with what is left out, what makes the new files like the old ones, and what they say."""
    settled = settle(held, _rendered(phone), how)
    settings = dict(phone.settings)
    if settled.left_out:
        settings["leave_out"] = ",".join(settled.left_out)
    whole = replace(phone, settings=settings, patches={of.files[-1].key: dict(settled.patches)})
    return settings, settled, _rendered(whole)


def _rendered(phone: PhoneToRender) -> dict[str, Said]:
    """Return what the phone will hold of its own file and the site's."""
    held: dict[str, Said] = {}
    for file in _RENDERER.render(phone):
        if file.name == _DEFAULT or file.owner is not None:
            held |= read_values(file.data, file.name)[0]
    return held


def _cut(held: Mapping[str, Said], kind: Model, remarks: list[Remark]) -> dict[str, Said]:
    """Return what the files say in one line each, with what is shown as short as the phone shows it."""
    found = {
        name: replace(said, text=in_one_line(said.text)) for name, said in held.items() if not _ACCOUNT.fullmatch(name)
    }
    remarks += [
        Remark(Fate.MENDED, name, f"{name} is written in one line", held[name].line)
        for name, said in found.items()
        if said != held[name]
    ]
    found = {**held, **found}
    for name, said in found.items():
        limit = kind.limits.get(re.sub(r"^line\d+_", "line_", name))
        if limit is not None and len(said.text) > limit.we_write and name.endswith(_SHOWN):
            text = said.text[: limit.we_write].rstrip()
            found[name] = replace(said, text=text)
            remarks.append(
                Remark(Fate.MENDED, name, f"{name} is cut to {limit.we_write} characters, as the phone does", said.line)
            )
    return found


def _accounts(held: Mapping[str, Said], kind: Model) -> tuple[LineAccount, ...]:
    found = []
    for index in range(1, kind.line_keys.value + 1):
        text = {
            what: held[f"line{index}_{what}"].text if f"line{index}_{what}" in held else ""
            for what in ("name", "shortname", "displayname", "authname", "password")
        }
        if not text["name"] or _UNPROVISIONED in {text["name"], text["authname"]}:
            continue
        found.append(
            LineAccount(
                index, text["shortname"], text["name"], text["displayname"], text["authname"] or text["name"],
                Secret(text["password"]),
            )
        )  # fmt: skip
    return tuple(found)


def _settings(held: Mapping[str, Said], kind: Model) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, setting_name in _SETTINGS.items():
        setting = kind.settings.get(setting_name)
        if setting is not None and name in held and (value := value_of(setting, held[name].text)) is not None:
            found[setting_name] = value
    return found


def _dial_plan(
    held: Mapping[str, Said], folder: SourceFolder, kind: Model, settings: dict[str, Value], uses: list[str], own: str
) -> list[Remark]:
    """Add the dial plan that the old file, whose path is ``own``, names to the settings."""
    said = held.get("dial_template")
    if said is None and folder.find_beside(own, f"{_PLAN}{_PLAN_SUFFIX}") is not None:
        said = Said(_PLAN)
    if said is None or not said.text:
        return []
    name = said.text if said.text.lower().endswith(_PLAN_SUFFIX) else f"{said.text}{_PLAN_SUFFIX}"
    path = folder.find_beside(own, name)
    plan = read_dial_plan(folder.read(path)) if path is not None else SideFile("", "it is not in the folder")
    if path is not None and plan.rows:
        settings["dial_plan"] = plan.rows
        uses.append(path)
        return []
    try:
        settings["dial_plan_file"] = kind.settings["dial_plan_file"].check(name)
    except BadInput:
        return [Remark(Fate.LOST, "dial_template", f"its dial plan {name[:40]!r} is not a file's name", said.line)]
    what = f"its dial plan {name} is not kept: {plan.why}; the phone still asks for it"
    return [Remark(Fate.NOTE if path is None else Fate.LOST, "dial_template", what, said.line)]
