"""Bundles: which loads are among some files, and whether every file that they name is there.

A load is a list of files (``.loads``), or one file that is the firmware of some models (``.bin``, ``.img``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ringfence.phones.families import families
from ringfence.phones.families import model as model_of
from ringfence.phones.filenames import (
    LOADS_SUFFIX,
    is_firmware,
    is_loads,
    is_recovery,
)
from ringfence.phones.firmware.loads import Loads, parse_loads

ReadFile = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that a load names: the name under which it exists (None if it does not), and what disagrees."""

    name: str
    found: str | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """One load of a bundle."""

    name: str
    """As ``loadInformation`` writes it: the list's name without ``.loads``, or the one file's without its end."""
    list_name: str
    """The name of the list, or of the one file."""
    loads: Loads
    wanted: tuple[Wanted, ...]
    models: tuple[str, ...]
    """The models that run it, as far as its name tells."""
    companions: tuple[str, ...] = ()
    """Files of the bundle that it does not name and that are served with it."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The files that it can't do without and that are not there, or not as it says."""
        optional = {file.name for file in self.loads.files if file.is_optional}
        return tuple(
            each.name for each in self.wanted if each.name not in optional and (each.found is None or each.problem)
        )

    @property
    def is_recovery(self) -> bool:
        """Whether it is what a phone asks for after a factory reset."""
        return is_recovery(self.list_name)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What some files are as firmware."""

    loads: tuple[Load, ...]
    unnamed: tuple[str, ...]
    """Firmware that no load names, such as extra boot images in a zip."""
    other: tuple[str, ...]
    """Files that are no firmware at all: readme and install scripts."""

    def recovery_of(self, load: Load) -> tuple[Load, ...]:
        """Return the recovery lists that name files of ``load`` only."""
        own = {each.name.lower() for each in load.wanted}
        return tuple(
            each for each in self.loads if each.is_recovery and own >= {wanted.name.lower() for wanted in each.wanted}
        )


def examine(sizes: Mapping[str, int], read: ReadFile) -> Bundle:
    """Return what the files with these names and sizes are; ``read`` reads the lists.

    A name is looked up as the list writes it, and in another case if that does not exist.

    Raises:
        BadLoads: A list can't be read.
    """
    by_folded = {name.lower(): name for name in sorted(sizes)}
    lists = [name for name in sizes if is_loads(name)]
    found = [_load(name, parse_loads(read(name), name), sizes, by_folded) for name in sorted(lists)]
    named = {each.found for load in found for each in load.wanted} | set(lists)
    named |= {companion for load in found for companion in load.companions}
    singles = [load for name in sorted(sizes) if name not in named and (load := _single(name, sizes[name]))]
    found += singles
    named |= {load.list_name for load in singles}
    rest = [name for name in sorted(sizes) if name not in named]
    return Bundle(
        tuple(found),
        tuple(name for name in rest if is_firmware(name)),
        tuple(name for name in rest if not is_firmware(name)),
    )


def _single(name: str, size: int) -> Load | None:
    """Return the load that one file is, None if it is none that a model runs."""
    for family in families().values():
        for model in family.models.values():
            load = name[: -len(model.load_suffix)]
            if model.load_suffix == LOADS_SUFFIX or load + model.load_suffix != name or not model.runs(load):
                continue
            problem = "" if size else "it is empty"
            return Load(load, name, Loads((), (), None), (Wanted(name, name, problem),), models_of(load))
    return None


def models_of(load: str) -> tuple[str, ...]:
    """Return the models that a load of that name is for."""
    return tuple(
        model.name
        for family in families().values()
        for model in family.models.values()
        if family.files and model.runs(load)
    )


def _load(list_name: str, loads: Loads, sizes: Mapping[str, int], by_folded: Mapping[str, str]) -> Load:
    name = list_name[: -len(LOADS_SUFFIX)]
    wanted = []
    for file in loads.files:
        found = file.name if file.name in sizes else by_folded.get(file.name.lower())
        problem = ""
        if found is not None and file.size_bytes is not None and sizes[found] != file.size_bytes:
            problem = f"it has {sizes[found]} bytes, but the list says {file.size_bytes}"
        elif found is not None and not sizes[found]:
            problem = "it is empty"
        wanted.append(Wanted(file.name, found, problem))
    models = _recovered(list_name) if is_recovery(list_name) else models_of(name)
    beside = {each for model in models for each in model_of(model)[1].companions_of(name) if each in sizes}
    named = {each.found for each in wanted}
    return Load(name, list_name, loads, tuple(wanted), models, tuple(sorted(beside - named)))


def _recovered(list_name: str) -> tuple[str, ...]:
    return tuple(
        model.name
        for family in families().values()
        for model in family.models.values()
        if list_name.lower() in model.recovery_loads
    )


def serving_names(load: Load, recovery: Sequence[Load]) -> dict[str, str]:
    """Return the files to serve for a load: the name that phones ask for → the name that the file has."""
    names = {load.list_name: load.list_name}
    names |= {each.name: each.found for each in load.wanted if each.found is not None and not each.problem}
    names |= {each.list_name: each.list_name for each in recovery}
    names |= {name: name for name in load.companions}
    return names
