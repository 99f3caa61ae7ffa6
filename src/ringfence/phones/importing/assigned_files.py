"""Yealink's files that somebody else wrote, read back into phones.

A phone reads the files that its boot file names, or else its model's common file and its own; what comes later wins.
The edge serves one file a phone, so that file says what all of them said: by settings where they express it, otherwise
by patches. How a phone finds its files, and what a boot file is: Yealink's Auto Provisioning Guide, V81.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ringfence.counted import counted
from ringfence.errors import BadInput
from ringfence.phones.errors import BadPatch, NotImportable
from ringfence.phones.families import family as family_of
from ringfence.phones.families import model as model_of
from ringfence.phones.families.yealink import common_file
from ringfence.phones.families.yealink.local_time import NAMES, values_of
from ringfence.phones.family import LOAD_SETTING, Model
from ringfence.phones.formats.assigned_values import HEADER, AssignedValues
from ringfence.phones.importing.clock_guess import zone_where
from ringfence.phones.importing.compared import Comparison, Said, in_one_line, not_read
from ringfence.phones.importing.draft_phone import DraftPhone, imported, require_accounts
from ringfence.phones.importing.outcome import Confidence, Fate, ImportedPhone, ModelGuess, Remark
from ringfence.phones.importing.reader import SaidModels, mac_in
from ringfence.phones.importing.setting_values import value_of
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.patches import LONGEST_NAME, LONGEST_TEXT, PREFIX
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import SettingType, Value
from ringfence.secret import Secret

_FAMILY = "yealink"
_NAME = re.compile(r"(?P<mac>[0-9a-f]{12})\.cfg", re.IGNORECASE)
_HEADER = b"#!version:"
_OF_AN_ACCOUNT = re.compile(rb"(?m)^[ \t]*account\.\d{1,2}\.\w")
_COMMON_BOOT = "y000000000000.boot"
_ASSIGNED = re.compile(r"(?P<name>[A-Za-z][\w.-]*)\s*=\s*(?P<value>.*)")
_INCLUDED = re.compile(r"\s*include:config\s*[<\"“](?P<path>[^<>\"“”]+)[>\"”]\s*")
_NOTHING = frozenset({"", "%NULL%"})
"""What stands for an empty value."""
_SERVER = re.compile(r"(?:static\.)?auto_provision\.server\.(?:url|username|password)")
"""Where the phone fetches its files, and as whom: the product's business."""
_OF_ACCOUNT = re.compile(r"account\.(?P<line>\d{1,2})\.(?P<what>\w+)")
_CREDENTIALS = frozenset({"user_name", "auth_name", "password"})
_SHOWN = ("label", "display_name")
_KEY = re.compile(r"linekey\.(?P<key>\d{1,3})\.")
_USER_PASSWORD = re.compile(r"(?:static\.)?security\.user_password")
_ADMIN = "admin:"
_FIRMWARE = re.compile(r"(?:static\.)?firmware\.url")
_WORD = re.compile(r"T\d{2}[A-Z]*(?:_E2)?")
_RESYNC = "sip.notify_reboot_enable"
"""Without it a phone restarts to read a new file."""
_BY_HAND = frozenset({"sip_server", "ntp_servers", "time_zone", "admin_password", "edge_url", LOAD_SETTING})
_ESSENTIAL = frozenset({"sip_server", "sip_port"})
_RENDERER = Renderer()


class AssignedFiles:
    """Reads ``<mac>.cfg`` of ``name = value`` lines."""

    def mac_of(self, path: str, folder: SourceFolder) -> Mac | None:
        """Return whose file it is, by its name and its form; None if it is no phone's of this format."""
        mac = mac_in(path.rpartition("/")[2], _NAME)
        return mac if mac is not None and _is_of_form(folder, path) else None

    def read(self, path: str, folder: SourceFolder, said: SaidModels) -> ImportedPhone:
        """Return the phone that a file configures, together with those that it reads before.

        Raises:
            NotImportable: It does not configure a phone; the error says why, with its line.
        """
        mac = self.mac_of(path, folder)
        if mac is None:
            raise NotImportable("its name is not that of a Yealink phone's file", where=path)
        data = folder.read(path)
        if not _begins(data):
            raise NotImportable(
                f"its first line is not {HEADER}, without which a Yealink phone takes nothing of it", where=path
            )
        remarks: list[Remark] = []
        own = read_assigned(data, remarks)
        before, uses = _read_before(path, mac, folder, remarks)
        guess = _guess(before | own, folder, path, said.of_kind(mac, _is_ours))
        of, kind = model_of(guess.model)
        if of.id != _FAMILY:
            raise NotImportable(
                f"it is a Yealink phone's file, which {kind.with_article} does not read",
                where=path,
                to_do="Name another model for it.",
            )
        common = folder.find_beside(path, common_file(kind.name))
        if common is not None and not uses:
            before, uses = _of_another(folder, common), [common]
        return _imported(mac, guess, kind, before | own, path, uses, remarks)


def read_assigned(data: bytes, remarks: list[Remark] | None = None) -> dict[str, Said]:
    """Return the values of a file by name; of two of one name the last counts, but for the administrator's password."""
    remarks = [] if remarks is None else remarks
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
        remarks.append(Remark(Fate.MENDED, "", "its letters are Latin-1; the new file has them in UTF-8"))
    found: dict[str, Said] = {}
    unread: list[int] = []
    empty: list[int] = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        parts = _ASSIGNED.fullmatch(stripped)
        if parts is None:
            unread.append(number)
        elif not (value := parts["value"].strip()):
            empty.append(number)
        elif _USER_PASSWORD.fullmatch(name := parts["name"]) and not value.startswith(_ADMIN):
            what = f"{name} of another user than admin can't be kept beside it"
            remarks.append(Remark(Fate.LOST, name, what, number))
        else:
            found[name] = Said(value, number)
    remarks += not_read(unread, "not of the form name = value, which phones pass over")
    if empty:
        what = f"{counted(len(empty), 'line')} without a value: the phone goes by its own there; the first is this one"
        remarks.append(Remark(Fate.NOTE, "", what, empty[0]))
    return found


def _is_of_form(folder: SourceFolder, path: str) -> bool:
    try:
        data = folder.read(path)
    except BadInput:
        return False
    return _begins(data) or (b"<" not in data and _OF_AN_ACCOUNT.search(data) is not None)


def _begins(data: bytes) -> bool:
    return data.removeprefix(BOM_UTF8).lstrip().startswith(_HEADER)


def _is_ours(named: str) -> bool:
    return model_of(named)[0].id == _FAMILY


def _read_before(path: str, mac: Mac, folder: SourceFolder, remarks: list[Remark]) -> tuple[dict[str, Said], list[str]]:
    """Return what the files say that the phone's boot file names, and their paths with its own; none without one."""
    boot = folder.find_beside(path, f"{mac.bare}.boot") or folder.find_beside(path, _COMMON_BOOT)
    if boot is None:
        return {}, []
    held: dict[str, Said] = {}
    uses = [boot]
    for line in folder.read(boot).decode("utf-8", "replace").splitlines():
        included = _INCLUDED.fullmatch(line)
        if included is None:
            continue
        name = included["path"].replace("\\", "/").rpartition("/")[2].replace("$MAC", mac.bare.lower())
        further = folder.find_beside(path, name)
        if further is None:
            remarks.append(Remark(Fate.NOTE, "", f"{name[:80]!r}, which {boot} names, is not in the folder"))
        elif further != path:
            held |= _of_another(folder, further)
            uses.append(further)
    return held, uses


def _of_another(folder: SourceFolder, path: str) -> dict[str, Said]:
    """Return what another file says, without its lines: remarks are about the phone's own."""
    return {name: replace(said, line=0) for name, said in read_assigned(folder.read(path)).items()}


def _guess(held: Mapping[str, Said], folder: SourceFolder, path: str, named: str) -> ModelGuess:
    """Return which model a phone is, by all that tells."""
    if named:
        return ModelGuess(model_of(named)[1].name, Confidence.CERTAIN, because="it was named")
    models = list(family_of(_FAMILY).models.values())
    load = next((_load(said.text) for name, said in held.items() if _FIRMWARE.fullmatch(name)), "")
    last = max((int(parts["key"]) for name in held if (parts := _KEY.match(name))), default=0)
    lines = max((line.index for line in _accounts(held)), default=1)
    room = max(last, lines)
    evidence = []
    for what, fitting in (
        (f"its firmware {load}", [kind for kind in models if load and kind.runs(load)]),
        (f"the name of {load}", [kind for kind in models if kind.name in _WORD.findall(load)]),
        (
            "the model's common file in the folder",
            [kind for kind in models if folder.find_beside(path, common_file(kind.name)) is not None],
        ),
        (f"its {counted(room, 'key')}", [kind for kind in models if kind.line_keys.value >= room]),
    ):
        both = [kind for kind in models if kind in fitting]
        if both and len(both) < len(models):
            models = both
            evidence.append(what)
    best = min(models, key=lambda kind: (kind.line_keys.value < room, kind.line_keys.value))
    others = tuple(kind.name for kind in models if kind is not best)
    return ModelGuess(
        best.name, Confidence.LIKELY if others else Confidence.CERTAIN, others, " and ".join(evidence) or "its form"
    )


def _load(url: str) -> str:
    return url.rpartition("/")[2].removesuffix(".rom")


def _imported(
    mac: Mac, guess: ModelGuess, kind: Model, held: Mapping[str, Said], path: str, uses: Sequence[str],
    remarks: list[Remark],
) -> ImportedPhone:  # fmt: skip
    said = _shown_cut(_served_here(held, remarks), kind, remarks)
    lines = _accounts(said)
    if not lines:
        raise NotImportable("no account is enabled and has a user", where=path, to_do="Phones register with one.")
    require_accounts(lines, path)
    settings = _settings(said, kind, lines[0].index)
    if not settings.get("sip_server"):
        raise NotImportable("it names no SIP server", where=path)
    draft = DraftPhone(mac, guess, path, said, lines, settings, _ESSENTIAL, comparison(kind, lines), _rendered)
    phone = imported(draft, remarks, uses)
    fetched = [
        Remark(Fate.NOTE, name, f"the phone goes on to fetch firmware by {name}, which the edge may not serve", at.line)
        for name, at in said.items()
        if _FIRMWARE.fullmatch(name) and at.text not in _NOTHING
    ]
    return replace(phone, remarks=(*phone.remarks, *fetched))


def _served_here(held: Mapping[str, Said], remarks: list[Remark]) -> dict[str, Said]:
    """Return what is said without where the phone fetches its files, and as whom."""
    for name, said in held.items():
        if name.endswith(".url") and _SERVER.fullmatch(name):
            what = f"{name} is left out: the phone must be told of the edge, by DHCP or by hand"
            remarks.append(Remark(Fate.MENDED, name, what, said.line))
    return {name: said for name, said in held.items() if not _SERVER.fullmatch(name)}


def _shown_cut(held: Mapping[str, Said], kind: Model, remarks: list[Remark]) -> dict[str, Said]:
    """Return what is said in one line each, with what is shown no longer than is known to be safe."""
    found: dict[str, Said] = {}
    for name, said in held.items():
        parts = _OF_ACCOUNT.fullmatch(name)
        text = said.text if parts and parts["what"] in _CREDENTIALS else in_one_line(said.text)
        if text != said.text:
            remarks.append(Remark(Fate.MENDED, name, f"{name} is written without what no phone shows", said.line))
        limit = kind.limits.get(f"account.{parts['what']}") if parts and parts["what"] in _SHOWN else None
        if limit is not None and len(text) > limit.we_write:
            text = text[: limit.we_write].rstrip()
            remarks.append(Remark(Fate.MENDED, name, f"{name} is cut to {limit.we_write} characters", said.line))
        found[name] = replace(said, text=text)
    return found


def _accounts(held: Mapping[str, Said]) -> tuple[LineAccount, ...]:
    """Return the accounts that have a user and are not switched off."""
    found = []
    numbers = {int(parts["line"]) for name in held if (parts := _OF_ACCOUNT.fullmatch(name)) is not None}
    for index in sorted(numbers):
        text = {what: _text(held, f"account.{index}.{what}") for what in ("enable", *_SHOWN, *_CREDENTIALS)}
        if not text["user_name"] or text["enable"] == "0":
            continue
        found.append(
            LineAccount(
                index, text["label"], text["user_name"], text["display_name"], text["auth_name"] or text["user_name"],
                Secret(text["password"]),
            )
        )  # fmt: skip
    return tuple(found)


def _text(held: Mapping[str, Said], name: str) -> str:
    text = held[name].text if name in held else ""
    return "" if text in _NOTHING else text


def _settings(held: Mapping[str, Said], kind: Model, first: int) -> dict[str, Value]:
    """Return the value of each setting that the file expresses; ``first`` is the account that speaks for all."""
    account = f"account.{first}."
    texts = {
        "sip_server": _text(held, f"{account}sip_server.1.address") or _text(held, f"{account}sip_server_host"),
        "ntp_servers": ",".join(filter(None, (_text(held, f"local_time.ntp_server{order}") for order in (1, 2)))),
        "time_zone": _zone(held),
    }
    password = _text(held, "static.security.user_password")
    if password.startswith(_ADMIN):
        texts["admin_password"] = password.removeprefix(_ADMIN)
    for name, setting in kind.settings.items():
        if name not in _BY_HAND and setting.type is not SettingType.TABLE and setting.element:
            element = setting.element.replace("account.1.", account).replace(
                "voice_mail.number.1", f"voice_mail.number.{first}"
            )
            texts[name] = _text(held, element)
    values = {name: value_of(kind.settings[name], text) for name, text in texts.items() if text}
    return {name: value for name, value in values.items() if value is not None}


def _zone(held: Mapping[str, Said]) -> str:
    """Return a zone whose clock is the one that a file describes; empty if there is none."""
    said = {name: text for name in NAMES if (text := _text(held, f"local_time.{name}"))}
    return zone_where(lambda zone: values_of(zone) == said) if said else ""


def comparison(kind: Model, lines: Sequence[LineAccount]) -> Comparison:
    """Return how an old file is compared with the new one of a phone with these lines."""
    format_ = AssignedValues()
    own = {str(line.index) for line in lines}

    def is_derived(name: str) -> bool:
        parts = _OF_ACCOUNT.fullmatch(name)
        return parts is not None and parts["line"] in own and parts["what"] in _CREDENTIALS

    def is_same(_name: str, old: str, new: str) -> bool:
        return old == new or (old in _NOTHING and new in _NOTHING)

    def refuses(name: str, text: str) -> str:
        parts = _OF_ACCOUNT.fullmatch(name)
        limit = kind.limits.get(f"account.{parts['what']}") if parts else None
        most = LONGEST_TEXT if limit is None else limit.we_write
        return f"{name} has {len(text)} characters, at most {most} can be kept" if len(text) > most else ""

    def can_patch(name: str) -> bool:
        try:
            format_.check_patch(name)
        except BadPatch:
            return False
        return len(name) + len(PREFIX) + len(_FAMILY) + 1 <= LONGEST_NAME

    needed = frozenset({_RESYNC, *(f"account.{index}.enable" for index in own)})
    return Comparison(is_derived, needed, is_same, refuses, can_patch)


def _rendered(phone: PhoneToRender) -> dict[str, Said]:
    return read_assigned(_RENDERER.render(phone)[-1].data)
