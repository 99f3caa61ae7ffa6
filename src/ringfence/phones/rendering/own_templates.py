"""An operator's own templates: in the place of a family's files, or beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ringfence.content.errors import BadName
from ringfence.content.names import normalise
from ringfence.content.release import TargetKind
from ringfence.phones.errors import BadTemplateName
from ringfence.phones.families import family as family_of
from ringfence.phones.family import Family, FileTemplate
from ringfence.phones.formats.text_file import AnyText
from ringfence.phones.formats.xml_file import XmlFile

OWN = "own"
_MACROS = ("{MAC}", "{mac}")
_KNOWN = (*_MACROS, "{model}", "{psn}")


def _nothing() -> Mapping[str, Mapping[str, str]]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OwnTemplates:
    """Sources by family and file: a file of the family by its key, or a further one by its name.

    A name with ``{MAC}`` or ``{mac}`` is one phone's own file; one without is shared by all phones of the family.
    """

    sources: Mapping[str, Mapping[str, str]] = field(default_factory=_nothing)

    def __post_init__(self) -> None:
        for family_id, sources in self.sources.items():
            for name in sources:
                check_name(family_of(family_id), name)

    def files_of(self, family: Family) -> tuple[FileTemplate, ...]:
        """Return the files of a family's phones, with its own templates in place; further ones come first."""
        own = self.sources.get(family.id)
        if not own:
            return family.files
        keys = {file.key for file in family.files}
        more = tuple(further_file(family, name) for name in own if name not in keys)
        changed = tuple(
            replace(file, package=OWN, template=f"{family.id}/{file.key}") if file.key in own else file
            for file in family.files
        )
        return (*more, *changed)

    def source(self, file: FileTemplate) -> str | None:
        """Return the operator's source of a file, None if the family's is used."""
        if file.package != OWN:
            return None
        family_id, _slash, name = file.template.partition("/")
        return self.sources[family_id][name]


def check_name(family: Family, name: str) -> None:
    """Raise BadTemplateName unless ``name`` is a file of the family or can be a further one's."""
    if name in {file.key for file in family.files}:
        return
    plain = name
    for macro in _KNOWN:
        plain = plain.replace(macro, "x")
    try:
        is_plain = normalise(plain) == plain
    except BadName as fault:
        raise BadTemplateName(fault.what, where=repr(name[:80]), to_do=fault.to_do) from None
    if not is_plain:
        raise BadTemplateName(
            f"{name[:80]!r} is not a name that phones ask for",
            to_do="Write names with one '/' between each two, and none before the first.",
        )
    if "{" in plain or "}" in plain or "." not in plain:
        keys = ", ".join(file.key for file in family.files)
        raise BadTemplateName(
            f"{name[:80]!r} does not name a file",
            to_do=(f"Name one of the family's: {keys}; or " if keys else "")
            + f"give a file name, with {', '.join(_KNOWN)} for what differs between phones, such as {{mac}}.cfg.",
        )


def further_file(family: Family, name: str) -> FileTemplate:
    """Return a file that the family lacks, by the name that its phones ask for."""
    is_own = any(macro in name for macro in _MACROS)
    return FileTemplate(
        key=name,
        name=name,
        package=OWN,
        template=f"{family.id}/{name}",
        format=XmlFile("") if name.lower().endswith(".xml") else AnyText(),
        kind=TargetKind.CONFIGURATION if is_own else TargetKind.SHARED,
        reloads=is_own,
    )
