"""A phone whose file is a list of names and texts: from what was read of it to what comes in."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ringfence.errors import BadInput
from ringfence.phones.assets.kinds import Asset
from ringfence.phones.errors import NotImportable
from ringfence.phones.families import model as model_of
from ringfence.phones.importing.compared import Comparison, Said, Settled, differences, settle
from ringfence.phones.importing.outcome import Fate, ImportedPhone, ModelGuess, Remark
from ringfence.phones.importing.placeholders import is_placeholder
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.patches import PREFIX
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.settings.types import Value


@dataclass(frozen=True, slots=True)
class DraftPhone:
    """What was read of a phone; ``rendered`` returns what its new files say with some settings and patches.

    ``essential`` settings are kept where the others contradict each other, and those stay patches.
    """

    mac: Mac
    guess: ModelGuess
    path: str
    said: Mapping[str, Said] = field(repr=False)
    lines: tuple[LineAccount, ...]
    settings: Mapping[str, Value] = field(repr=False)
    essential: Collection[str]
    how: Comparison
    rendered: Callable[[PhoneToRender], Mapping[str, Said]]


def require_accounts(lines: Sequence[LineAccount], path: str) -> None:
    """Raise NotImportable unless the lines are filled in, and one has a password."""
    unfilled = [
        line.index
        for line in lines
        if is_placeholder(line.name) or is_placeholder(line.password.reveal(), is_secret=True)
    ]
    if unfilled:
        raise NotImportable(f"it is a template: the account of line {unfilled[0]} is still to be filled in", where=path)
    if not any(line.password for line in lines):
        raise NotImportable("it has no line with a password", where=path, to_do="Phones register with one.")


def imported(
    draft: DraftPhone, remarks: Sequence[Remark], uses: Sequence[str], assets: Sequence[Asset] = ()
) -> ImportedPhone:
    """Return the phone whose new files say what its old ones said; what they don't is among its remarks.

    Raises:
        NotImportable: No phone could use it.
    """
    essential = {name: value for name, value in draft.settings.items() if name in draft.essential}
    try:
        settings, settled, new = _settled(draft, draft.settings)
    except BadInput:
        # Values that contradict each other are kept one by one, as the phone has them.
        try:
            settings, settled, new = _settled(draft, essential)
        except BadInput as fault:
            raise NotImportable(f"no phone could use it: {fault.what}", where=draft.path, to_do=fault.to_do) from None
    known = {remark.element for remark in settled.remarks if remark.fate in {Fate.LOST, Fate.ADDED}}
    unlike = [
        Remark(Fate.LOST, name, f"{name} is not in the new file as it was in the old one")
        for name in differences(draft.said, new, draft.how)
        if name not in known
    ]
    family, _model = model_of(draft.guess.model)
    patches = {f"{PREFIX}{family.id}:{name}": text for name, text in settled.patches.items()}
    whole = (*remarks, *settled.remarks, *unlike)
    return ImportedPhone(draft.mac, draft.guess, draft.lines, settings, patches, whole, tuple(uses), tuple(assets))


def _settled(draft: DraftPhone, given: Mapping[str, Value]) -> tuple[dict[str, Value], Settled, Mapping[str, Said]]:
    """Return the settings with what is left out, what makes the new files like the old ones, and what they say."""
    family, model = model_of(draft.guess.model)
    phone = PhoneToRender(draft.mac, model.name, "", given, draft.lines)
    settled = settle(draft.said, draft.rendered(phone), draft.how)
    settings = dict(given)
    if settled.left_out:
        settings["leave_out"] = ",".join(settled.left_out)
    whole = replace(phone, settings=settings, patches={family.files[-1].key: dict(settled.patches)})
    return settings, settled, draft.rendered(whole)
