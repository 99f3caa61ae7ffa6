"""Cisco enterprise phones: keys, soft keys, dial plans, services and directories, in operators' words."""

from collections.abc import Mapping
from types import MappingProxyType

from ringfence.phones.settings.builders import column, number_setting, table_setting
from ringfence.phones.settings.types import (
    WHOLE_SITES,
    Form,
    Mark,
    Scope,
    Setting,
    SettingType,
)

_SOURCE = "PHONES.md sections 4c and 10"

KEY_FEATURES: Mapping[str, int] = MappingProxyType(
    {
        "speed-dial": 2,
        "blf": 21,
        "blf-pickup": 21,
        "service": 20,
        "secure-service": 20,
        "redial": 1,
        "hold": 3,
        "transfer": 4,
        "forward-all": 5,
        "settings": 18,
        "directed-park": 22,
        "intercom": 23,
        "malicious-call": 27,
        "conference": 102,
        "meet-me": 123,
        "park": 126,
        "pickup": 127,
        "group-pickup": 128,
        "do-not-disturb": 130,
        "remove-last": 132,
        "quality-report": 133,
        "call-back": 134,
        "other-pickup": 135,
        "new-call": 137,
        "hunt-login": 139,
        "all-calls": 140,
        "answer": 141,
        "alerting-calls": 142,
        "record": 159,
        "services": 192,
        "messages": 194,
        "directories": 195,
        "applications": 197,
        "headset": 198,
    }
)
"""What a key does → its featureID (PHONES.md section 10, for the 7975; UCM's line-keys page, which has more)."""

NEEDS_NUMBER = frozenset({"speed-dial", "blf", "blf-pickup", "directed-park", "service", "secure-service", "intercom"})

EXPANSION_MODULES: Mapping[str, int] = MappingProxyType(
    {"7914": 14, "7915": 24, "7916": 24, "CKEM": 36, "BEKEM": 36, "CP-8800-Audio": 28, "CP-8800-Video": 28}
)
"""An expansion module's deviceType → how many keys it has (PHONES.md section 13; UCM's sepmac-cnf-xml page)."""

SOFT_KEYS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "Redial": (1, 1, 301),
        "NewCall": (2, 2, 302),
        "Hold": (3, 3, 303),
        "Transfer": (4, 4, 304),
        "CFwdAll": (5, 5, 305),
        "<<": (8, 8, 308),
        "EndCall": (9, 9, 309),
        "Resume": (10, 10, 310),
        "Answer": (11, 11, 311),
        "Confrn": (13, 13, 313),
        "Park": (14, 14, 314),
        "Join": (15, 15, 315),
        "MeetMe": (16, 16, 316),
        "PickUp": (17, 17, 317),
        "GPickUp": (18, 18, 318),
        "RmLstC": (57, 19, 319),
        "CallBack": (65, 20, 320),
        "DND": (63, 69, 369),
        "QRT": (75, 22, 322),
        "MCID": (76, 27, 327),
        "Select": (78, 29, 329),
        "ConfList": (79, 30, 330),
        "iDivert": (80, 31, 331),
        "OPickUp": (91, 34, 334),
        "HLog": (92, 35, 335),
        "AbbrDial": (7740, 71, 371),
        "Record": (7747, 74, 374),
    }
)
"""A soft key's name → its tag, event and help number (PHONES.md section 10; a schema for the 7975 in public use)."""

CALL_STATES = (
    "On Hook",
    "Off Hook",
    "Off Hook With Feature",
    "Digits After First",
    "Ring Out",
    "Ring In",
    "Connected",
    "Connected No Feature",
    "Connected Transfer",
    "Connected Conference",
    "On Hold",
    "Remote In Use",
    "On Hook With Feature",
)
MOST_SOFT_KEYS = 16

DIAL_PLAN_BYTES = 8191
"""What 88xx read of a dial plan; they drop a larger one whole (PHONES.md section 4d)."""

_TONES = (
    "",
    "Bellcore-Inside",
    "Bellcore-Outside",
    "Bellcore-Busy",
    "Bellcore-Reorder",
    "Bellcore-CallWaiting",
    "Bellcore-Hold",
    "Bellcore-Reminder",
    "Bellcore-Confirmation",
    "Bellcore-Permanent",
    "Bellcore-None",
    "Cisco-Zip",
    "Cisco-ZipZip",
    "Cisco-BeepBonk",
)


def _choice(name: str, text: str, choices: tuple[str, ...], default: str = "") -> Setting:
    return Setting(name, SettingType.CHOICE, default, text, choices=choices)


KEYS = table_setting(
    "keys",
    "What the keys do that are not lines: key | what | label | number or URL. For example: 3 | blf | Door | 100.",
    "sipLines/line",
    120,
    (
        number_setting("key", "The key, counted from the top.", "button", 1, (1, 200)),
        _choice("does", "What it does.", tuple(KEY_FEATURES), "speed-dial"),
        column("label", "The text beside it.", 30),
        column("number", "The number to dial or watch, a service's URL, or an intercom line's SIP name.", 127),
    ),
    scopes=(Scope.ORGANISATION, Scope.SITE, Scope.GROUP, Scope.PHONE),
    mark=Mark.LIKELY,
)

MODULES = table_setting(
    "modules",
    "The key expansion modules: position (1 is beside the phone) | model | firmware (7914 to 7916 only). Their keys "
    "are counted on from the phone's own. For example: 1 | 7916 | B016-1-0-4-2.",
    "addOnModules",
    3,
    (
        number_setting("position", "Where it is, counted from the phone.", "addOnModule/@idx", 1, (1, 3)),
        _choice("model", "What it is.", tuple(EXPANSION_MODULES), "7916"),
        column("load", "Its firmware by its load's name; empty: as it is.", 64, Form.WORD),
    ),
    scopes=(Scope.ORGANISATION, Scope.SITE, Scope.GROUP, Scope.PHONE),
)

DIAL_PLAN = table_setting(
    "dial_plan",
    "When a number is complete: pattern | seconds to wait | rewrite | tone | user | line | route. "
    "For example: 0,........ | 3. "
    "'.' is any digit, '*' any digits, ',' a second dial tone. The longest match wins, then the first.",
    "dialTemplate",
    200,
    (
        column("match", "The pattern; empty: as soon as the handset is lifted.", 64, Form.PATTERN),
        number_setting("timeout_s", "How long to wait for more digits.", "timeout", 5, (0, 60), "seconds"),
        column("rewrite", "The number that is dialled instead.", 64, Form.PATTERN),
        _choice("tone", "The tone that is heard at a ','.", _TONES),
        _choice("user", "What SIP says of it: user=phone, user=ip, or nothing.", ("", "phone", "ip")),
        column("line", "The only line that this is for; empty: all.", 3, Form.KEYPAD),
        _choice("route", "The proxy that the call goes to.", ("", "default", "emergency")),
    ),
)

APPLICATION_DIAL_RULES = table_setting(
    "application_dial_rules",
    "How numbers from directories are dialled: begins with | digits | digits to remove | prefix. "
    "For example: +49 | 12 | 3 | 0.",
    "AppDialRules.xml",
    100,
    (
        column("begins_with", "What the number begins with; empty: anything.", 20, Form.DIAL),
        number_setting("digits", "How many digits it has.", "NumDigits", 10, (0, 50)),
        number_setting("remove", "How many of them are removed.", "DigitsToRemove", 0, (0, 50)),
        column("prefix", "What is put before the rest.", 20, Form.DIAL),
    ),
    scopes=WHOLE_SITES,
)

SOFT_KEY_SETS = table_setting(
    "soft_keys",
    "The soft keys in each state of a call: state | keys. For example: On Hook | Redial, NewCall, CFwdAll.",
    "softKeyFile",
    len(CALL_STATES),
    (
        _choice("state", "The state.", CALL_STATES, CALL_STATES[0]),
        column("keys", f"At most {MOST_SOFT_KEYS} soft keys: {', '.join(SOFT_KEYS)}.", 200, Form.WORDS, needed=True),
    ),
    mark=Mark.LIKELY,
)

FEATURE_POLICY = table_setting(
    "feature_policy",
    "Features that are on or off: feature's number | yes or no.",
    "featurePolicyFile",
    60,
    (
        number_setting("feature", "The feature's number.", "id", 1, (1, 65535)),
        Setting("on", SettingType.YES_NO, default=True, help="Whether people may use it."),
    ),
    mark=Mark.LIKELY,
)

SERVICES = table_setting(
    "services",
    "What the services menu offers: name | URL. The edge serves it if services_url is empty and edge_url is set.",
    "services.xml",
    100,
    (
        column("name", "What people read.", 64, needed=True),
        column("url", "What it opens.", 255, Form.URL, needed=True),
    ),
    scopes=WHOLE_SITES,
)

DIRECTORY = table_setting(
    "directory",
    "A telephone book: name | number. The edge serves it if directory_url is empty and edge_url is set.",
    "directory.xml",
    32,
    (
        column("name", "What people read.", 64, needed=True),
        column("number", "What is dialled.", 64, Form.DIAL, needed=True),
    ),
    scopes=WHOLE_SITES,
)

PHONE_SERVICES = table_setting(
    "phone_services",
    "Entries of the phone's own menus: menu | name | URL.",
    "phoneServices",
    32,
    (
        _choice("menu", "Which menu.", ("services", "directories", "messages"), "services"),
        column("name", "What people read.", 32, needed=True),
        column("url", "What it opens.", 255, Form.URL, needed=True),
    ),
    mark=Mark.LIKELY,
)

KEYS_AND_LISTS = (
    KEYS,
    DIAL_PLAN,
    APPLICATION_DIAL_RULES,
    SOFT_KEY_SETS,
    SERVICES,
    DIRECTORY,
    PHONE_SERVICES,
)
