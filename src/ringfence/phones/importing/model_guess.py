"""Which model a phone is, by all that its file and its folder show.

A model follows from what only it has. Nothing makes a phone what it isn't: where the evidence fits several models, the
smallest of them that has enough keys is taken and the others are named; where there is none, the phone stays of a
model that is not known.
"""

import re
from collections.abc import Iterable, Sequence

from lxml import etree

from ringfence.errors import BadInput
from ringfence.phones.families import families
from ringfence.phones.families import model as model_of
from ringfence.phones.family import Model
from ringfence.phones.importing.element_paths import text_of
from ringfence.phones.importing.outcome import Confidence, ModelGuess

UNKNOWN_MODEL = "SEP"
"""The model of phones whose model nobody knows."""

_RECOVERY = re.compile(r"(term\d\d)\.default(?:\.loads)?", re.IGNORECASE)
_NUMBER = re.compile(r"(?<!\d)(\d{4}(?:G-GE)?)(?!\d)")
_FOLDER = re.compile(r"Desktops/\d+x\d+x\d+")
_FEATURE_POLICY_MODELS = ("8961", "9951", "9971")
"""The only models that take a feature policy.

That an element is there tells nothing by itself: the sample that most files begin from holds the elements of all models
(https://github.com/usecallmanagernz/tftpboot, SEPMAC.cnf.xml). Only what somebody has filled in tells.
"""


def guess_model(
    root: etree._Element,
    said: str,
    for_others: str,
    screens: frozenset[str] = frozenset(),
    listed: frozenset[str] = frozenset(),
) -> ModelGuess:
    """Return the model of the phone that a ``<device>`` configures.

    Args:
        root: The file's root.
        said: The model that a person has named for this phone; empty if none.
        for_others: The model that a person has named for files that do not tell theirs; empty if none.
        screens: The folders of wallpapers beside the file, such as ``Desktops/320x212x16``.
        listed: The models that the folder names firmware for, whichever phone it is.

    Raises:
        UnknownModel: A person named a model that there isn't.
    """
    if said:
        return ModelGuess(model_of(said)[1].name, Confidence.CERTAIN, because="you named it")
    load = root.find("loadInformation")
    name = (load.text or "").strip() if load is not None else ""
    keys = _highest(root, lines_only=root.find("addOnModules/addOnModule") is not None)
    named = _named(load)
    if named is not None:
        return ModelGuess(named.name, Confidence.CERTAIN, because="its file names the model")
    fitting = [model for model in _enterprise_models() if model.runs(name)] or [
        model for model in _enterprise_models() if model.runs(name, in_any_case=True)
    ]
    if recovery := _RECOVERY.fullmatch(name):
        list_name = f"{recovery[1].lower()}.default.loads"
        fitting = [model for model in _enterprise_models() if list_name in model.recovery_loads]
    evidence = [f"its firmware is {name}"] if fitting else []
    fitting = _by_elements(root, fitting or list(_enterprise_models()), evidence)
    fitting, because = (fitting, " and ".join(evidence)) if evidence else ([], "")
    if len(fitting) == 1:
        return ModelGuess(fitting[0].name, Confidence.CERTAIN, because=because)
    if for_others:
        chosen = model_of(for_others)[1].name
        if not fitting or chosen in {model.name for model in fitting}:
            return ModelGuess(chosen, Confidence.CERTAIN, because="you named it")
    if not fitting:
        return ModelGuess(UNKNOWN_MODEL, Confidence.UNKNOWN, tuple(sorted(listed)), "nothing in its file tells")
    lines = _highest(root, lines_only=True)
    wide_enough = (
        [model for model in fitting if model.line_keys.value >= keys]
        or [model for model in fitting if model.line_keys.value >= lines]
        or fitting
    )
    shown = [model for model in wide_enough if model.wallpaper and model.wallpaper.folder in screens]
    wide_enough = shown or wide_enough
    wide_enough = [model for model in wide_enough if model.name in listed] or wide_enough
    best = min(wide_enough, key=lambda model: model.line_keys.value)
    others = tuple(model.name for model in fitting if model is not best)
    return ModelGuess(best.name, Confidence.LIKELY, others, because)


def model_named_in(text: str) -> str | None:
    """Return the name of the model that a text such as ``Cisco 7945`` names, None if it names none."""
    number = _NUMBER.search(text)
    try:
        return model_of(number[1])[1].name if number else None
    except BadInput:
        return None


def _named(load: etree._Element | None) -> Model | None:
    """Return the model that an attribute of loadInformation names, as in ``model="Cisco 7945"``."""
    name = model_named_in(load.get("model", "")) if load is not None else None
    return _enterprise(name) if name else None


def _enterprise(name: str) -> Model | None:
    try:
        family, model = model_of(name)
    except BadInput:
        return None
    return model if "device" in {file.key for file in family.files} else None


def _enterprise_models() -> Sequence[Model]:
    return [
        model
        for family in families().values()
        if "device" in {file.key for file in family.files}
        for model in family.models.values()
        if model.name != UNKNOWN_MODEL
    ]


def _by_elements(root: etree._Element, found: list[Model], because: list[str]) -> list[Model]:
    """Return which of some models have all that the file holds; add to ``because`` what told."""

    def keep(those: Iterable[Model], why: str) -> None:
        nonlocal found
        chosen = {model.name for model in those}
        left = [model for model in found if model.name in chosen]
        if left and len(left) < len(found):
            found = left
            because.append(why)

    if text_of(root, "featurePolicyFile"):
        keep((model for model in found if model.name in _FEATURE_POLICY_MODELS), "it has featurePolicyFile")
    if text_of(root, "vendorConfig/lineMode") == "1":
        keep((model for model in found if model.session_keys), "its lineMode is 1")
    for node in root.iterfind("addOnModules/addOnModule/deviceType"):
        kind = (node.text or "").strip()
        keep((model for model in found if kind in model.modules), f"it has a {kind}")
    for node in root.iterfind("vendorConfig/*"):
        if folder := _FOLDER.search(node.text or ""):
            keep(
                (m for m in found if m.wallpaper and folder[0] in {m.wallpaper.folder, *m.wallpaper.also_in}),
                f"its wallpaper is in {folder[0]}",
            )
    jar = text_of(root, "userLocale/name")
    if jar.endswith(".jar"):
        keep(
            (model for model in found if model.locale_file and jar.endswith(model.locale_file)),
            f"its language is {jar}",
        )
    return found


def _highest(root: etree._Element, *, lines_only: bool) -> int:
    """Return the last button that has a SIP line, or any key."""
    buttons = [
        node.get("button", "")
        for node in root.iterfind("sipProfile/sipLines/line")
        if text_of(node, "featureID") == "9" or not lines_only
    ]
    return max((int(text) for text in buttons if text.isdecimal() and len(text) < 4), default=1)  # noqa: PLR2004 - a key
