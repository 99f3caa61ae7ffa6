"""The text files of 7940 and 7960 phones that somebody else wrote, read back into phones.

A phone holds what ``SIPDefault.cnf`` says and then what ``SIP<MAC>.cnf`` says, which wins. What no setting expresses is
kept as a patch of the phone's own file, so the new files together say what the old ones said.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from ringfence.counted import counted
from ringfence.errors import BadInput
from ringfence.phones.cisco.text_parameters import refusal
from ringfence.phones.errors import BadPatch, NotImportable
from ringfence.phones.families import model as model_of
from ringfence.phones.family import LOAD_SETTING, Model
from ringfence.phones.formats.text_file import LARGEST_BYTES, NamedValues
from ringfence.phones.importing.compared import Comparison, Said, in_one_line, not_read
from ringfence.phones.importing.draft_phone import DraftPhone, imported, require_accounts
from ringfence.phones.importing.outcome import Confidence, Fate, ImportedPhone, ModelGuess, Remark
from ringfence.phones.importing.reader import SaidModels, mac_in
from ringfence.phones.importing.setting_values import value_of
from ringfence.phones.importing.side_files import DIAL_PLAN_FILE, TakenSideFile, not_there, take_side_file
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.patches import LONGEST_TEXT
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
_LEADS_AWAY = ("tftp_cfg_dir", "dyn_tftp_addr")
"""Where a phone looks for its own file: another folder, another server."""
_ESSENTIAL = frozenset({"sip_server", "sip_port", "zone_name", "dial_plan", "dial_plan_file"})
_RENDERER = Renderer()


class TextFileReader:
    """Reads ``SIP<MAC>.cnf`` with its ``SIPDefault.cnf``."""

    def mac_of(self, path: str, folder: SourceFolder) -> Mac | None:
        """Return whose file it is, by its name; None if it is no phone's of this format."""
        del folder
        return mac_in(path.rpartition("/")[2], _NAME)

    def read(self, path: str, folder: SourceFolder, said: SaidModels) -> ImportedPhone:
        """Return the phone that a file configures, together with the site's.

        Raises:
            NotImportable: It does not configure a phone; the error says why, with its line.
        """
        mac = self.mac_of(path, folder)
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
        guess = _guess(held, said.of_kind(mac, _is_of_text_files), said.listed)
        kind = model_of(guess.model)[1]
        if not _is_of_text_files(kind.name):
            raise NotImportable(
                f"it is a text file of a 7940 or 7960, which {kind.with_article} does not read",
                where=path,
                to_do="Name one of these models for it.",
            )
        return _imported(mac, guess, kind, held, folder, path, uses, remarks)


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
            return f"{name} has {len(text)} characters, but {kind.with_article} takes at most {limit.we_write}"
        return refusal(name, text)

    def can_patch(name: str) -> bool:
        try:
            format_.check_patch(name)
        except BadPatch:
            return False
        return True

    return Comparison(is_derived, frozenset({"proxy_register"}), lambda _name, old, new: old == new, refuses, can_patch)


def _is_of_text_files(named: str) -> bool:
    return model_of(named)[0] is model_of(_FAMILY_MODELS[0])[0]


def _guess(held: Mapping[str, Said], named: str, listed: frozenset[str]) -> ModelGuess:
    if named:
        return ModelGuess(model_of(named)[1].name, Confidence.CERTAIN, because="it was named")
    last = max(
        (int(parts["line"]) for name in held if (parts := _OF_LINE.fullmatch(name)) and held[name].text), default=1
    )
    small, large = _FAMILY_MODELS
    if last > model_of(small)[1].line_keys.value:
        return ModelGuess(large, Confidence.CERTAIN, because=counted(last, "line"))
    best, other = (large, small) if large in listed and small not in listed else (small, large)
    return ModelGuess(best, Confidence.LIKELY, (other,), f"{counted(last, 'line')}, for which both have room")


def _imported(
    mac: Mac, guess: ModelGuess, kind: Model, held: Mapping[str, Said], folder: SourceFolder, path: str,
    uses: list[str], remarks: list[Remark],
) -> ImportedPhone:  # fmt: skip
    held = _cut(_served_here(held, remarks), kind, remarks)
    lines = _accounts(held, kind)
    require_accounts(lines, path)
    settings = _settings(held, kind)
    if str(settings.get("sip_server", "")).upper() == _CALL_MANAGER and "call_manager1_addr" in held:
        # The phone registers with its call manager; what it is told as its proxy stays as it is.
        settings |= _settings(
            {"proxy1_address": held["call_manager1_addr"], "proxy1_port": held.get("call_manager1_sip_port", Said(""))},
            kind,
        )
    if not settings.get("sip_server"):
        raise NotImportable("it names no SIP server", where=path, to_do=f"Is {_DEFAULT} missing in the folder?")
    plan = _dial_plan(held, folder, kind, uses, path)
    settings |= plan.settings
    remarks += plan.remarks
    how = comparison(kind, held)
    draft = DraftPhone(mac, guess, path, held, lines, settings, _ESSENTIAL, how, _rendered)
    return imported(draft, remarks, uses, plan.assets)


def _rendered(phone: PhoneToRender) -> dict[str, Said]:
    """Return what the phone will hold of its own file and the site's."""
    held: dict[str, Said] = {}
    for file in _RENDERER.render(phone):
        if file.name == _DEFAULT or file.owner is not None:
            held |= read_values(file.data, file.name)[0]
    return held


def _served_here(held: Mapping[str, Said], remarks: list[Remark]) -> dict[str, Said]:
    """Return what the files say without what would lead the phone to another server or folder for its own file."""
    leading = {name: held[name] for name in _LEADS_AWAY if name in held and held[name].text.strip("./")}
    remarks += [
        Remark(Fate.MENDED, name, f"{name} {said.text!r} is left out: the edge has its files, in one folder", said.line)
        for name, said in leading.items()
    ]
    return {name: said for name, said in held.items() if name not in leading}


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


def _dial_plan(held: Mapping[str, Said], folder: SourceFolder, kind: Model, uses: list[str], own: str) -> TakenSideFile:
    """Return what becomes of the dial plan that the old file, whose path is ``own``, names."""
    said = held.get("dial_template")
    if said is None and folder.find_beside(own, f"{_PLAN}{_PLAN_SUFFIX}") is not None:
        said = Said(_PLAN)
    if said is None or not said.text:
        return TakenSideFile({})
    name = said.text if said.text.lower().endswith(_PLAN_SUFFIX) else f"{said.text}{_PLAN_SUFFIX}"
    path = folder.find_beside(own, name)
    if path is not None:
        uses.append(path)
        taken = take_side_file(DIAL_PLAN_FILE, folder, path, kind, "dial_template", said.line)
        if taken.settings:
            return taken
    try:
        by_name = {DIAL_PLAN_FILE.by_name: kind.settings[DIAL_PLAN_FILE.by_name].check(name)}
    except BadInput:
        what = f"its dial plan {name[:40]!r} is not a file's name"
        return TakenSideFile({}, (), (Remark(Fate.LOST, "dial_template", what, said.line),))
    if path is not None:
        return replace(taken, settings=by_name)
    return TakenSideFile(by_name, (), (not_there("dial_template", name, said.line),))
