"""From a draft of a phone to one whose new file says what its old file said: by what the two differ in.

What the new file says otherwise becomes a patch, and what it alone says is left out of it; what can be neither is
lost, with a remark. The check is the one that a publish makes, patches included.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from ringfence.errors import BadInput, ContentRefused
from ringfence.phones.cisco.elements import element_at
from ringfence.phones.cisco.limits import LIMITS
from ringfence.phones.document import parse_leniently
from ringfence.phones.errors import BadPatch, NotImportable
from ringfence.phones.families import model as model_of
from ringfence.phones.family import Limit
from ringfence.phones.formats.xml_file import check_path
from ringfence.phones.importing.device_settings import legal_text
from ringfence.phones.importing.element_paths import TextAt, tag_of, texts_by_path
from ringfence.phones.importing.outcome import Fate, Remark
from ringfence.phones.rendering.patches import LONGEST_NAME, PREFIX
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import is_printable

_MOST_ROUNDS = 20
_MOST_TRIALS = 120
"""How many parts are tried one by one for the one that is at fault."""
_LONGEST_TEXT = 4000
LINES = "sipProfile/sipLines/line"
_LINE = re.compile(re.escape(LINES) + r"\[@button='\d{1,3}'\]")
_STAMP = "versionStamp"
_SHOWN = frozenset({"phoneLabel", "featureLabel", "displayName"})
"""What phones only show, and cut where it is too long (PHONES.md section 13)."""
_FAULTS = (BadInput, ContentRefused)
_RENDERER = Renderer()
"""Made once: it compiles each template once."""


@dataclass(frozen=True, slots=True)
class Matched:
    """A phone whose file is equivalent to its old one, but for the remarks; ``patches`` are by element."""

    phone: PhoneToRender
    remarks: tuple[Remark, ...]
    patches: Mapping[str, str] = field(repr=False)


def match(draft: PhoneToRender, found: Mapping[str, TextAt], is_dealt_with: Callable[[str], bool]) -> Matched:
    """Return ``draft`` with the patches and ``leave_out`` that make its file say what ``found`` says.

    Args:
        draft: The phone as far as settings express it.
        found: The old file's texts by path.
        is_dealt_with: Says of a path whether it needs no comparison.

    Raises:
        NotImportable: No phone could take it; the error says why.
    """
    phone, rendered = _renderable(draft)
    remarks: list[Remark] = []
    patches: dict[str, str] = {}
    left_out = [
        path
        for path, text in rendered.items()
        if text and not (path in found and found[path].text) and path != _STAMP and not is_dealt_with(path)
    ]
    left_out = _of_all_lines(left_out, {line.index for line in phone.lines}, found)
    for path, at in found.items():
        if at.text and rendered.get(path, "") != at.text and path != _STAMP and not is_dealt_with(path):
            kept = _kept(path, at, phone.model, remarks)
            if kept is not None:
                patches[path] = kept
    return _settled(phone, patches, left_out, found, remarks)


def _of_all_lines(paths: list[str], buttons: set[int], said: Mapping[str, TextAt]) -> list[str]:
    """Return the paths, with one for all lines in place of the same one of each line, where no key says it."""
    present = {_LINE.sub(LINES, path) for path, at in said.items() if at.text}
    found: dict[str, None] = {}
    for path in paths:
        whole = _LINE.sub(LINES, path)
        ours = {whole.replace(LINES, f"{LINES}[@button='{button}']") for button in buttons}
        is_all = _LINE.match(path) is not None and whole not in present and ours <= set(paths)
        found[whole if is_all else path] = None
    return list(found)


def _render(phone: PhoneToRender) -> dict[str, str]:
    return texts_by_path(parse_leniently(_RENDERER.render(phone)[-1].data))


def _renderable(phone: PhoneToRender) -> tuple[PhoneToRender, dict[str, str]]:
    """Return the phone, and what its file says; settings that make it impossible are taken back, and stay patches."""
    for _round in range(_MOST_ROUNDS):
        try:
            return phone, _render(phone)
        except _FAULTS as fault:
            tried = islice(_without_one(phone), _MOST_TRIALS)
            better = next((less for less in tried if _is_better(less, fault)), None)
            if better is None:
                raise NotImportable(f"no phone could use it: {fault.what}", to_do=fault.to_do) from None
            phone = better
    raise NotImportable("too many of its values contradict each other")


def _without_one(phone: PhoneToRender) -> Iterator[PhoneToRender]:
    for name in phone.settings:
        yield replace(phone, settings={key: value for key, value in phone.settings.items() if key != name})
    for at, line in enumerate(phone.lines):
        for name in line.settings:
            own = {key: value for key, value in line.settings.items() if key != name}
            lines = (*phone.lines[:at], replace(line, settings=own), *phone.lines[at + 1 :])
            yield replace(phone, lines=lines)


def _is_better(phone: PhoneToRender, fault: BadInput | ContentRefused) -> bool:
    """Return whether a phone can be rendered, or at least has another fault than before."""
    try:
        _RENDERER.render(phone)
    except _FAULTS as other:
        return other.what != fault.what and "sip_server" not in other.to_do
    return True


def _kept(path: str, at: TextAt, model_name: str, remarks: list[Remark]) -> str | None:
    """Return what a patch can keep of an element, None if nothing; note what is mended or lost."""
    family, model = model_of(model_name)
    takes = legal_text(path, at.text, model)
    if takes is not None:
        what = f"{tag_of(path)} is {at.text[:40]!r}, but phones take {takes}: left out"
        remarks.append(Remark(Fate.LOST, path, what, at.line))
        return None
    try:
        check_path(path)
    except BadPatch:
        remarks.append(Remark(Fate.LOST, path, f"{path[:80]} can't be named as a patch: left out", at.line))
        return None
    if len(f"{PREFIX}{family.id}:{path}") > LONGEST_NAME:
        remarks.append(
            Remark(Fate.LOST, path, f"the path of {tag_of(path)} is too long for a patch: left out", at.line)
        )
        return None
    text = " ".join(at.text.split()) if not is_printable(at.text) else at.text
    if text != at.text:
        remarks.append(Remark(Fate.MENDED, path, f"{tag_of(path)} was on several lines: written on one", at.line))
    if not is_printable(text) or len(text) > _LONGEST_TEXT:
        what = f"{tag_of(path)} has {len(text)} characters, or one that phones can't show: left out"
        remarks.append(Remark(Fate.LOST, path, what, at.line))
        return None
    limit = limit_of(path, model.limits)
    if limit is not None and len(text) > limit.we_write:
        if tag_of(path) in _SHOWN:
            what = f"{tag_of(path)} has {len(text)} characters, of which phones show {limit.we_write}: cut"
            remarks.append(Remark(Fate.MENDED, path, what, at.line))
            return text[: limit.we_write]
        what = f"{tag_of(path)} has {len(text)} characters, but phones take at most {limit.we_write}: left out"
        remarks.append(Remark(Fate.LOST, path, what, at.line))
        return None
    remarks.append(Remark(Fate.PATCH, path, path, at.line))
    return text


def limit_of(path: str, limits: Mapping[str, Limit]) -> Limit | None:
    """Return how long an element may be; None if nothing limits it."""
    steps = [step.partition("[")[0] for step in path.split("/")]
    return limits.get(steps[-1]) or limits.get("/".join(steps[-2:])) or LIMITS.get(steps[-1])


def _settled(
    phone: PhoneToRender,
    patches: dict[str, str],
    left_out: list[str],
    found: Mapping[str, TextAt],
    remarks: list[Remark],
) -> Matched:
    """Return the phone as a publish takes it: what a phone would discard the file for is lost, with a remark."""
    key = model_of(phone.model)[0].files[-1].key

    def made(with_patches: Mapping[str, str], without: Collection[str]) -> PhoneToRender:
        settings = {**phone.settings, **({"leave_out": ",".join(without)} if without else {})}
        return replace(phone, settings=settings, patches={key: dict(with_patches)})

    needed: list[str] = []
    for _round in range(_MOST_ROUNDS):
        try:
            rendered = _render(made(patches, left_out))
            break
        except _FAULTS as fault:
            known_first = sorted(patches, key=lambda each: element_at(each) is None)[:_MOST_TRIALS]
            path = next((each for each in known_first if _renders(made(_less(patches, each), left_out))), None)
            if path is not None:
                del patches[path]
                remarks[:] = [each for each in remarks if each.element != path or each.fate is not Fate.PATCH]
                at = found[path]
                remarks.append(Remark(Fate.LOST, path, f"{tag_of(path)} is left out: {fault.what}", at.line))
                continue
            path = next(
                (each for each in left_out if _renders(made(patches, [x for x in left_out if x != each]))),
                None,
            )
            if path is None:
                raise NotImportable(f"no phone could use it: {fault.what}", to_do=fault.to_do) from None
            left_out.remove(path)
            needed.append(path)
    else:
        raise NotImportable("too much of it would make phones discard it")
    remarks += [
        Remark(Fate.ADDED, path, f"{path} is now {rendered[path][:40]!r}: phones need it")
        for path in needed
        if path in rendered
    ]
    return Matched(made(patches, left_out), tuple(remarks), patches)


def _less(patches: Mapping[str, str], path: str) -> dict[str, str]:
    return {key: text for key, text in patches.items() if key != path}


def _renders(phone: PhoneToRender) -> bool:
    try:
        _RENDERER.render(phone)
    except _FAULTS:
        return False
    return True
