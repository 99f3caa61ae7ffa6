"""The keys of SPA and MPP phones that are no lines, and those of expansion modules beside an SPA500."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ringfence.phones.errors import LimitExceeded, ValueOutOfRange
from ringfence.phones.family import ToPrepare
from ringfence.phones.settings.builders import column, number_setting, table_setting
from ringfence.phones.settings.types import Form, Mark, Scope, Setting, SettingType

SPA500S = "SPA500S"
MODULE_KEYS: Mapping[str, int] = MappingProxyType({SPA500S: 32})
"""An expansion module → how many keys it has (wazo-provd-plugins, wazo_cisco_spa)."""
MOST_MODULES = 2

_FUNCTIONS: Mapping[str, str] = MappingProxyType(
    {
        "speed-dial": "fnc=sd;ext={number}@$PROXY;nme={label}",
        "blf": "fnc=blf;sub={number}@$PROXY;nme={label}",
        "blf-pickup": "fnc=blf+sd+cp;sub={number}@$PROXY;nme={label}",
    }
)
"""What a key does → its Extended_Function."""

_WHOLE_PHONES = (Scope.ORGANISATION, Scope.SITE, Scope.GROUP, Scope.PHONE)

KEYS = table_setting(
    "keys",
    "What the keys do that are not lines: key | what | label | number. For example: 3 | blf | Door | 100. The keys of "
    "expansion modules are counted on from the phone's own.",
    "Extended_Function",
    96,
    (
        number_setting("key", "The key, counted from the top.", "Extended_Function", 1, (1, 200)),
        Setting("does", SettingType.CHOICE, "speed-dial", "What it does.", choices=tuple(_FUNCTIONS)),
        column("label", "The text beside it; its number if there is none.", 30),
        column("number", "The number to dial or watch.", 64, Form.DIAL, needed=True),
    ),
    scopes=_WHOLE_PHONES,
    mark=Mark.LIKELY,
)
"""For phones with keys beside their screen, of which an analogue adapter has none."""

MODULES = table_setting(
    "modules",
    "The key expansion modules: position (1 is beside the phone) | model. For example: 1 | SPA500S.",
    "Unit_n_Enable",
    MOST_MODULES,
    (
        number_setting("position", "Where it is, counted from the phone.", "Unit_n_Enable", 1, (1, MOST_MODULES)),
        Setting("model", SettingType.CHOICE, SPA500S, "What it is.", choices=tuple(MODULE_KEYS)),
    ),
    scopes=_WHOLE_PHONES,
)


@dataclass(frozen=True, slots=True)
class Key:
    """A key that is no line, with its number, label and function, both empty if it has none."""

    key: int
    label: str = ""
    function: str = ""


@dataclass(frozen=True, slots=True)
class ModuleKey:
    """A key of an expansion module: the module's position, the key's number on it, and its function."""

    unit: int
    key: int
    function: str


def keys_of(phone: ToPrepare) -> tuple[Sequence[Key], Sequence[ModuleKey]]:
    """Return the phone's own keys that are no lines, and the keys of its modules that have a function.

    Raises:
        LimitExceeded, ValueOutOfRange: A row is for a key that there is not, or that does something already.
    """
    last = phone.model.line_keys.value
    positions = sorted(int(row["position"]) for row in phone.rows.get("modules", []))
    if positions != list(range(1, len(positions) + 1)):
        raise ValueOutOfRange(
            f"the expansion modules are at {', '.join(map(str, positions))}", to_do="Count them from 1, each once."
        )
    on_modules = MODULE_KEYS[SPA500S]
    most = last + on_modules * len(positions)
    own = {key: Key(key) for key in range(1, last + 1) if key not in phone.line_indexes}
    beyond: dict[int, ModuleKey] = {}
    for row in phone.rows.get("keys", []):
        key, does, label = int(row["key"]), str(row["does"]), str(row["label"] or row["number"])
        if key > most:
            raise LimitExceeded(
                f"key {key} is set to {does}, but {phone.model.with_article} only has keys 1 to {most}",
                to_do="Set keys for this phone, or for a group of phones with as many keys; modules says which "
                "expansion modules it has.",
            )
        if key in beyond or (key <= last and (key not in own or own[key].function)):
            raise ValueOutOfRange(f"key {key} is used twice, the second time for {does}", to_do="Move one of them.")
        if ";" in label:
            raise ValueOutOfRange(
                f"the label of key {key} contains a ';', which would end it", to_do="Write it without."
            )
        function = _FUNCTIONS[does].format(number=row["number"], label=label)
        if key <= last:
            own[key] = Key(key, label, function)
        else:
            unit, number = divmod(key - last - 1, on_modules)
            beyond[key] = ModuleKey(unit + 1, number + 1, function)
    return list(own.values()), list(beyond.values())
