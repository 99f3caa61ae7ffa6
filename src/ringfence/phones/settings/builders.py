"""The few shapes that most settings have, so that a family's table reads as a table."""

from collections.abc import Mapping
from types import MappingProxyType

from ringfence.phones.settings.types import (
    EVERYWHERE,
    Form,
    Mark,
    Scope,
    Setting,
    SettingType,
    Value,
)

ON_IS_1: Mapping[Value, str] = MappingProxyType({True: "1", False: "0"})
ON_IS_0: Mapping[Value, str] = MappingProxyType({True: "0", False: "1"})
TRUE_FALSE: Mapping[Value, str] = MappingProxyType({True: "true", False: "false"})
# On 6900, 8900 and 9900 series 0 and 1 are off, 2 and 3 are on (section 4: value semantics differ).
ON_IS_2: Mapping[Value, str] = MappingProxyType({True: "2", False: "0"})
ON_IS_3: Mapping[Value, str] = MappingProxyType({True: "3", False: "0"})


def yes_no_setting(
    name: str, text: str, element: str, wire: Mapping[Value, str], *, on: bool, mark: Mark = Mark.CERTAIN
) -> Setting:
    """Return a setting that is on or off."""
    return Setting(name, SettingType.YES_NO, on, text, element=element, wire=wire, mark=mark)


def number_setting(
    name: str, text: str, element: str, default: int, limits: tuple[int, int], unit: str = "", mark: Mark = Mark.CERTAIN
) -> Setting:
    """Return a setting that is a number within ``limits``."""
    least, most = limits
    return Setting(
        name, SettingType.NUMBER, default, text, unit=unit, minimum=least, maximum=most, element=element, mark=mark
    )


def choice_setting(
    name: str, text: str, element: str, wire: Mapping[Value, str], default: str, mark: Mark = Mark.CERTAIN
) -> Setting:
    """Return a setting that is one of ``wire``'s words."""
    choices = tuple(str(choice) for choice in wire)
    return Setting(
        name,
        SettingType.CHOICE,
        default,
        text,
        choices=choices,
        element=element,
        wire=MappingProxyType(wire),
        mark=mark,
    )


def text_setting(name: str, text: str, element: str, most: int, form: Form = Form.ANY, default: str = "") -> Setting:
    """Return a setting that is a text of at most ``most`` characters."""
    return Setting(name, SettingType.TEXT, default, text, maximum=most, form=form, element=element)


def url_setting(name: str, text: str, element: str) -> Setting:
    """Return a setting that is a URL."""
    return text_setting(name, text, element, 255, Form.URL)


def table_setting(
    name: str,
    text: str,
    element: str,
    most: int,
    columns: tuple[Setting, ...],
    scopes: tuple[Scope, ...] = EVERYWHERE,
    mark: Mark = Mark.CERTAIN,
) -> Setting:
    """Return a setting that is a table of at most ``most`` rows."""
    return Setting(
        name, SettingType.TABLE, "", text, maximum=most, columns=columns, element=element, scopes=scopes, mark=mark
    )


def column(name: str, text: str, most: int, form: Form = Form.ANY, *, needed: bool = False) -> Setting:
    """Return a table's column of texts."""
    return Setting(name, SettingType.TEXT, "", text, maximum=most, minimum=1 if needed else None, form=form)
