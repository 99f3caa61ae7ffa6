"""The format of profiles: ``<flat-profile>``, maybe inside ``<device>``, and parameters in it; read as devices do."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lxml import etree

from ringfence.phones.document import NotWellFormed, OverLimit, TooLong, line_of, parse, text_of
from ringfence.phones.errors import BadPatch, ConfigurationRejected
from ringfence.phones.family import Limit, Model
from ringfence.phones.flat_profile.parameters import FPBX, ROUTER, parameter
from ringfence.phones.flat_profile.series import series_of
from ringfence.phones.formats.xml_file import patched, without
from ringfence.phones.parsed_configuration import HeldConfiguration, HeldLine
from ringfence.secret import Secret

PROFILE = "flat-profile"
_NAME = re.compile(rf"(?:[A-Za-z_][\w.-]*|{ROUTER}(?:/[A-Za-z_][\w.-]*){{1,4}})(?:/@ua)?")
_LINE = re.compile(r"_\d{1,2}_$")
_FIRMWARE_ENDS = (".loads", ".bin", ".img")

_TRANSPORTS: Mapping[str, str] = MappingProxyType({"TCP": "tcp", "TLS": "tls"})
"""Others, such as AUTO where DNS names none, are UDP."""

LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        name: Limit(most, most, f"{FPBX} [likely]")
        for name, most in (("User_ID", 127), ("Password", 127), ("Display_Name", 64), ("Short_Name", 32))
    }
)


@dataclass(frozen=True, slots=True)
class FlatProfile:
    """The format of a profile."""

    @property
    def is_xml(self) -> bool:
        """Whether templates write values as XML has them."""
        return True

    def check(self, data: bytes, model: Model) -> None:
        """Check that the phone would take a file, and knows what it says.

        Raises:
            NotWellFormed, TooLong, ConfigurationRejected: It would not.
        """
        root = parse(data).root
        profile = profile_of(root)
        if profile is None:
            raise NotWellFormed("it has no flat-profile element", line_of(root))
        series = series_of(model)
        for name, node in parameters_of(profile):
            text = (node.text or "").strip()
            limit = LIMITS.get(_LINE.sub("", name))
            if limit is not None and len(text) > limit.we_write:
                raise TooLong(OverLimit(name, line_of(node), len(text), limit.we_write))
            known = parameter(name, series)
            if text and known is not None and not known.values.taken(text):
                raise ConfigurationRejected(
                    f"{name} is {text[:40]!r}, but {model.with_article} takes {known.values.says}",
                    where=f"line {line_of(node)}",
                    to_do="Correct the setting, the patch or the template that made it.",
                )

    def check_patch(self, element: str) -> None:
        """Raise BadPatch if ``element`` is not the name of a parameter."""
        if _NAME.fullmatch(element) is None:
            raise BadPatch(f"{element[:80]!r} does not name a parameter", to_do="Write it like Dial_Plan_1_.")

    def patch(self, data: bytes, patches: Mapping[str, str]) -> bytes:
        """Return ``data`` with named parameters set."""
        where = self._where(data, patches)
        return patched(data, {where + name: text for name, text in patches.items()})

    def leave_out(self, data: bytes, elements: Collection[str]) -> bytes:
        """Return ``data`` without the named parameters."""
        where = self._where(data, elements)
        return without(data, [where + name for name in elements])

    def _where(self, data: bytes, names: Collection[str]) -> str:
        """Return the path to the parameters' element; raise BadPatch for what names none."""
        for name in names:
            self.check_patch(name)
        return "" if not names or parse(data).root.tag == PROFILE else f"{PROFILE}/"


def profile_of(root: etree._Element) -> etree._Element | None:
    """Return the element that holds the parameters, None if there is none."""
    return root if root.tag == PROFILE else root.find(PROFILE)


def parameters_of(profile: etree._Element, path: str = "") -> list[tuple[str, etree._Element]]:
    """Return each parameter by its name as patches write it, with its element, in order; a name may come again."""
    found: list[tuple[str, etree._Element]] = []
    for child in profile.iterchildren("*"):
        name = f"{path}/{child.tag}" if path else str(child.tag)
        found.extend(parameters_of(child, name) if len(child) else [(name, child)])
    return found


def read_profiles(files: tuple[bytes, ...], model: Model) -> HeldConfiguration:
    """Return what a phone holds after it took these profiles in turn; a later one wins, parameter by parameter."""
    held: dict[str, str] = {}
    for data in files:
        try:
            document = parse(data)
        except NotWellFormed as fault:
            raise ConfigurationRejected(
                f"a phone would discard this profile: it is not well-formed: {fault.reason}",
                where=f"line {fault.line}" if fault.line else "",
                to_do="Mend the setting or the template that made it.",
            ) from None
        profile = profile_of(document.root)
        if profile is None:
            raise ConfigurationRejected("a phone would discard this profile: it has no flat-profile element")
        held.update({child.tag: text_of(profile, child.tag) for child in profile.iterchildren("*")})
    lines = tuple(_line(held, index) for index in range(1, model.line_keys.value + 1) if held.get(f"User_ID_{index}_"))
    first = lines[0].button if lines else 1
    host, port = split_proxy(held.get(f"Proxy_{first}_", ""))
    return HeldConfiguration(
        phone_label=held.get("Station_Name", ""),
        lines=lines,
        sip_servers=((host, port),) if host else (),
        sip_transport=_TRANSPORTS.get(held.get(f"SIP_Transport_{first}_", "").upper(), "udp"),
        sip_listen_port=int(held.get(f"SIP_Port_{first}_") or "5060"),
        version_stamp="",
        load=load_of(held.get("Upgrade_Rule", "")),
        register_expires_s=int(held.get(f"Register_Expires_{first}_") or "3600"),
    )


def split_proxy(text: str) -> tuple[str, int]:
    """Return the host and the port of ``pbx.example.com:5060``; 5060 if it names no port."""
    host, colon, port = text.rpartition(":")
    if colon and port.isdecimal() and ":" not in host.partition("]")[2]:
        return host, int(port)
    return text, 5060


def _line(held: Mapping[str, str], index: int) -> HeldLine:
    user = held[f"User_ID_{index}_"]
    auth = held.get(f"Auth_ID_{index}_", "")
    # Multiplatform phones have no Use_Auth_ID: there it is enough to name one.
    is_used = held.get(f"Use_Auth_ID_{index}_", "Yes").lower() == "yes"
    return HeldLine(
        button=index,
        label=held.get(f"Short_Name_{index}_", user),
        name=user,
        display_name=held.get(f"Display_Name_{index}_", ""),
        auth_name=auth if auth and is_used else user,
        password=Secret(held.get(f"Password_{index}_", "")),
    )


def load_of(rule: str) -> str:
    """Return the load that an upgrade rule names: the last part of its path, without its end."""
    name = rule.rpartition("/")[2]
    for end in _FIRMWARE_ENDS:
        name = name.removesuffix(end)
    return name
