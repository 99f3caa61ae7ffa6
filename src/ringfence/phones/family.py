"""What a family of phones is: its models, settings, files and habits, each fact with its mark and its source.

A family is a folder with a module-level ``FAMILY``; ``docs/families.md`` shows how to add one from outside.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

from ringfence.content.release import TargetKind
from ringfence.phones.errors import ValueOutOfRange
from ringfence.phones.mac import Mac
from ringfence.phones.parsed_configuration import HeldConfiguration
from ringfence.phones.settings.types import Mark, Setting, Value
from ringfence.tftp.options import NO_OPTIONS, RequestedOptions

LOAD_SETTING = "firmware_load"
"""The setting that says which firmware a phone is to run."""

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Fact(Generic[T_co]):
    """One thing that is known: how well, and from where."""

    value: T_co
    mark: Mark
    source: str


@dataclass(frozen=True, slots=True)
class Limit:
    """How many characters an element may have: as rendered here, and as the phone itself refuses it.

    The two differ if sources disagree: we render what the stricter source allows, and the virtual phone refuses what
    the laxer source forbids, so that neither reading breaks a phone.
    """

    we_write: int
    phone_takes: int
    source: str


class Feature(StrEnum):
    """What some models have and others lack."""

    BLUETOOTH = "bluetooth"
    WIFI = "wifi"
    USB = "usb"
    VIDEO = "video"
    VPN = "vpn"
    EXPANSION = "key expansion module"
    PC_PORT = "computer port"


@dataclass(frozen=True, slots=True)
class Picture:
    """A wallpaper of one model: pixels, bits a pixel, and the folder's name below ``Desktops/``."""

    width: int
    height: int
    depth: int
    thumbnail: tuple[int, int]
    also_in: tuple[str, ...] = ()
    """Other folders that the phone may look into, where sources disagree."""

    @property
    def folder(self) -> str:
        """The folder that the phone looks into."""
        return f"Desktops/{self.width}x{self.height}x{self.depth}"


class RingFormat(StrEnum):
    """How a ring tone's samples are written."""

    MULAW_8K = "µ-law, 8 kHz"
    LINEAR_16K = "16-bit little-endian, 16 kHz"


@dataclass(frozen=True, slots=True)
class Model:
    """One model: what differs inside a family.

    ``settings`` are those of the family with this model's limits. ``load_pattern`` matches the names of its firmware
    loads; ``recovery_loads`` are what it asks for after a factory reset. ``most_calls`` is the ceiling for one line.
    """

    name: str
    title: str
    line_keys: Fact[int]
    settings: Mapping[str, Setting]
    limits: Mapping[str, Limit]
    """Element → limit; an element may be given with its parent, as in ``ntp/name``."""
    transports: Fact[tuple[str, ...]]
    tls_ceiling: Fact[str]
    """The newest TLS that it speaks: ``1.0``, ``1.2``; empty if it speaks none."""
    http_provisioning: Fact[bool | None]
    """Whether it tries HTTP on port 6970 before TFTP; None if unknown."""
    load_pattern: Fact[str]
    srtp: Fact[str] = field(default_factory=lambda: Fact("", Mark.UNKNOWN, "no document at hand says"))
    """How it takes SRTP, where that is not as every PBX does it: it takes SRTP so, in words."""
    load_suffix: str = ".loads"
    """What its firmware's name ends in: a list of files (``.loads``), or the one file that it is."""
    load_companions: tuple[str, ...] = ()
    """Files that are served with a load if they came with it; ``{version}`` is what follows its name's first ``-``."""
    psn: str = ""
    """What it puts for ``$PSN`` into the names that it asks for."""
    call_manager_number: int | None = None
    """The maker's number of the model, as in ``loadInformation<N>`` and in REGISTER's Contact."""
    most_calls: int = 0
    session_keys: int = 0
    """How many of its line keys, the last ones, hold calls unless it is in line mode (PHONES.md section 13)."""
    modules: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """The expansion modules that fit it: type → how many keys each adds."""
    locale_file: str = ""
    """The language archive that it fetches from the user locale's folder."""
    tones_file: str = ""
    """The tones that it fetches from the network locale's folder."""
    wallpaper: Picture | None = None
    ring: RingFormat | None = None
    recovery_loads: tuple[str, ...] = ()
    asks_last: tuple[str, ...] = ()
    """The files that it asks for at the end of its boot, besides those that its configuration names."""
    features: frozenset[Feature] = frozenset()

    @property
    def with_article(self) -> str:
        """Its name in a sentence: a 7945, an 8841, an SPA504G."""
        return f"an {self.name}" if self.name.startswith(("8", "ATA", "SPA")) else f"a {self.name}"

    def keys_with(self, modules: Iterable[str]) -> int:
        """Return how many keys it has with these expansion modules."""
        return self.line_keys.value + sum(self.modules.get(module, 0) for module in modules)

    def companions_of(self, load: str) -> tuple[str, ...]:
        """Return the names of the files that are served beside a load's own."""
        version = load.partition("-")[2]
        return tuple(name.format(version=version) for name in self.load_companions)

    def runs(self, load: str, *, in_any_case: bool = False) -> bool:
        """Return whether a firmware load of that name is for this model; phones ask for it in exactly its case."""
        case = re.IGNORECASE if in_any_case else re.NOFLAG
        return re.fullmatch(self.load_pattern.value, load, case) is not None

    def load_of(self, loads: str) -> str:
        """Return which of several loads, separated by commas, is for this model; empty if none is.

        A single load is used unchanged if the names of this model's loads are not certain.
        """
        named = [load.strip() for load in loads.split(",") if load.strip()]
        fitting = [load for load in named if self.runs(load)]
        if not fitting and len(named) == 1 and self.load_pattern.mark is not Mark.CERTAIN:
            return named[0]
        return fitting[0] if fitting else ""


class FileFormat(Protocol):
    """How one kind of file is written, so that it can be checked, stamped and patched."""

    @property
    def is_xml(self) -> bool:
        """Whether templates write values as XML has them."""
        ...

    def check(self, data: bytes, model: Model) -> None:
        """Check that a phone would take a file.

        Raises:
            NotWellFormed, TooLong, ConfigurationRejected: It would not.
        """
        ...

    def check_patch(self, element: str) -> None:
        """Raise BadPatch where ``element`` can't be one here."""
        ...

    def patch(self, data: bytes, patches: Mapping[str, str]) -> bytes:
        """Return ``data`` with named elements set.

        Raises:
            BadPatch: A name can't be one here.
        """
        ...

    def leave_out(self, data: bytes, elements: Collection[str]) -> bytes:
        """Return ``data`` without the named elements; those that it has not are passed over.

        Raises:
            BadPatch: A name can't be one here.
        """
        ...


@dataclass(frozen=True, slots=True)
class FileTemplate:
    """One file that a phone fetches: its name, its template and its checks.

    ``name`` may hold ``{MAC}`` and ``{mac}`` (the phone's own), ``{PORT2}`` (what an ATA 190 calls its second port),
    ``{model}``, ``{psn}``, and ``{digest}`` (of the content: phones that get the same bytes share one file). ``key`` is
    its name in other templates of the family. A file with ``when`` is only rendered if that setting, or one of those
    settings, has a value.
    """

    key: str
    name: str
    package: str
    template: str
    format: FileFormat
    kind: TargetKind = TargetKind.CONFIGURATION
    when: tuple[str, ...] = ()
    stamped: bool = False
    """Whether it must hold ``version_stamp`` once, which changes with the content."""
    reloads: bool = False
    """Whether the phone is told to fetch again when this file changes."""
    line: int = 0
    """The key of the one line that the file is about; without that line there is no such file. 0: all lines."""

    @property
    def is_own(self) -> bool:
        """Whether the file is one phone's alone."""
        return self.kind is TargetKind.CONFIGURATION

    def name_for(self, mac: Mac, model: Model, digest: str) -> str:
        """Return the name under which this phone asks for it."""
        return _filled(self.name, mac, model, digest)


@dataclass(frozen=True, slots=True)
class BootRequest:
    """One step of a boot: a file that the phone asks for before it has its configuration.

    ``{MAC}``, ``{mac}``, ``{model}`` and ``{psn}`` stand for the phone's own. ``configures`` marks the files that make
    up its configuration, ``needed`` those without which it starts over.
    """

    name: str
    configures: bool = False
    needed: bool = False

    def name_for(self, mac: Mac, model: Model) -> str:
        """Return the name as this phone asks for it."""
        return _filled(self.name, mac, model)


@dataclass(frozen=True, slots=True)
class ToPrepare:
    """One phone as its family's ``prepare`` sees it: values checked one by one, tables as rows."""

    model: Model
    settings: Mapping[str, Value]
    rows: Mapping[str, list[dict[str, Value]]]
    line_indexes: tuple[int, ...]
    line_settings: tuple[Mapping[str, Value], ...]
    """What holds for each line, in their order."""
    given: frozenset[str]
    """The settings that somebody has set; the others have their defaults."""
    line_given: tuple[frozenset[str], ...]
    """The same for each line."""

    @property
    def keys(self) -> int:
        """How many keys the phone has with its expansion modules."""
        return self.model.keys_with(str(row["model"]) for row in self.rows.get("modules", []))


def check_order(settings: Mapping[str, Value], low: str, high: str) -> None:
    """Raise ValueOutOfRange if one setting is above another that it must not exceed."""
    if int(settings[low]) > int(settings[high]):
        raise ValueOutOfRange(
            f"{low} {settings[low]} is above {high} {settings[high]}", to_do=f"Make {low} at most {high}."
        )


Prepare = Callable[[ToPrepare], Mapping[str, object]]
"""Turns settings into the extra values that templates need; rejects contradictory settings with a BadInput."""


def second_port(mac: Mac) -> str:
    """Return what an ATA 190 calls its second port: its address without the first octet, and 01."""
    return f"{mac.bare[2:]}01"


def _filled(pattern: str, mac: Mac, model: Model, digest: str = "") -> str:
    return pattern.format(
        MAC=mac.bare, mac=mac.bare.lower(), PORT2=second_port(mac), model=model.name, psn=model.psn, digest=digest[:12]
    )


ReadConfiguration = Callable[[tuple[bytes, ...], Model], HeldConfiguration]
"""From the files that configure a phone, in the order of its boot, to what it holds."""


class ReloadEvent(StrEnum):
    """The SIP event by which a phone is told to fetch its configuration again."""

    SERVICE_CONTROL = "service-control"
    CHECK_SYNC = "check-sync"
    CHECK_SYNC_IN_USE = "check-sync;reboot=false"
    """For phones that would otherwise restart, whatever has changed."""

    @property
    def is_check_sync(self) -> bool:
        """Whether it is check-sync, with or without a parameter."""
        return self is not ReloadEvent.SERVICE_CONTROL


class BookForm(StrEnum):
    """How phones read phone books (``phones/assets/phone_books.py`` writes them)."""

    CISCO = "cisco"
    YEALINK = "yealink"
    SNOM = "snom"


@dataclass(frozen=True, slots=True)
class Family:
    """One family of phones."""

    id: str
    title: str
    models: Mapping[str, Model]
    files: tuple[FileTemplate, ...]
    boot: Fact[tuple[BootRequest, ...]]
    prepare: Prepare
    read: ReadConfiguration
    """Turns the files into what a phone of this family then holds, for the virtual phone and for checking."""
    one_credential: Fact[bool]
    """Whether the device has one credential that all its lines share."""
    first_credential_serves_all: bool = False
    """Whether lines without a credential use the first line's."""
    reload_event: Fact[ReloadEvent] = field(
        default_factory=lambda: Fact(ReloadEvent.CHECK_SYNC, Mark.LIKELY, "PHONES.md sections 6b and 6c")
    )
    takes_credential: bool = False
    """Whether its phones give a user and a password, which their files bring them, when they fetch over HTTP."""
    encrypted_profile: Fact[str] | None = None
    """How the name of its own profile ends, which its phones also take encrypted (``flat_profile/sealed_profile.py``);
    None where they don't."""
    book_form: BookForm = BookForm.CISCO
    """In which form its phones read phone books, where they have ``directory_url``."""
    asks_also: tuple[str, ...] = ()
    """Regular expressions for other files that it may ask for, so that such requests can be explained."""
    retry_s: Fact[float | None] = field(default_factory=lambda: Fact(None, Mark.UNKNOWN, "nobody has documented it"))
    """How long it waits before it asks again for a configuration that it could not take."""
    pace_s: Fact[float | None] = field(default_factory=lambda: Fact(None, Mark.UNKNOWN, "nobody has documented it"))
    """How long it waits from one file to the next when it fetches by TFTP."""
    tftp_options: Fact[RequestedOptions] = field(
        default_factory=lambda: Fact(NO_OPTIONS, Mark.UNKNOWN, "PHONES.md section 1b: asked as RFC 1350 has it")
    )
    """The TFTP options that it asks for."""
    erase_list: Fact[tuple[str, ...]] = field(
        default_factory=lambda: Fact((), Mark.UNKNOWN, "its phones hold no trust list, as far as is known")
    )
    """How a person erases its trust list at the phone, a step each; none where it can't be or needn't."""
    tftp_menu: Fact[tuple[str, ...]] = field(default_factory=lambda: Fact((), Mark.UNKNOWN, "nobody has documented it"))
    """The entries of its phones' menus, as they show them in English, that lead to “Alternate TFTP”; in brackets what
    some firmware does not have."""
    user_agent: Fact[str] = field(default_factory=lambda: Fact("", Mark.UNKNOWN, "nobody has documented it"))
    """How its User-Agent begins when it fetches over HTTP; ``{model}`` stands for the model."""

    @property
    def settings(self) -> Mapping[str, Setting]:
        """Every setting that one of its models has; the first model's form of it."""
        found: dict[str, Setting] = {}
        for model in self.models.values():
            for name, setting in model.settings.items():
                found.setdefault(name, setting)
        return MappingProxyType(found)

    @property
    def packages(self) -> frozenset[str]:
        """The packages that its templates are in."""
        return frozenset(file.package for file in self.files)
