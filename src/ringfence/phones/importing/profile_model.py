"""Which model a profile is for, by all that it and its folder show."""

from collections.abc import Mapping

from ringfence.phones.families import families
from ringfence.phones.families import model as model_of
from ringfence.phones.family import Family, Model
from ringfence.phones.flat_profile.parameters import ROUTER
from ringfence.phones.flat_profile.profile_file import FlatProfile, load_of
from ringfence.phones.flat_profile.series import Series, series_of
from ringfence.phones.importing.compared import Said
from ringfence.phones.importing.outcome import Confidence, ModelGuess
from ringfence.phones.importing.profile_settings import OF_LINE
from ringfence.phones.importing.source_folder import SourceFolder

_MPP_ONLY = frozenset({"PC_PORT_Enable", "Admin_Password", "Enable_802.1X_Authentication", "Custom_CA_Rule"})


def is_of_profiles(named: str) -> bool:
    """Return whether the model that a person named reads profiles."""
    return reads_profiles(model_of(named)[0])


def reads_profiles(of: Family) -> bool:
    """Return whether a family's phones read profiles."""
    return any(isinstance(file.format, FlatProfile) for file in of.files)


def guess_profile_model(own: Mapping[str, Said], folder: SourceFolder, named: str, path: str) -> ModelGuess:
    """Return which model a profile is for, by all that tells."""
    if named:
        return ModelGuess(model_of(named)[1].name, Confidence.CERTAIN, because="it was named")
    models = [kind for of in families().values() if reads_profiles(of) for kind in of.models.values()]
    series, why = _series(own)
    models = [kind for kind in models if series_of(kind) is series]
    evidence = [why]
    last = max((int(parts["line"]) for name in own if (parts := OF_LINE.fullmatch(name)) and own[name].text), default=1)
    load = load_of(own.get("Upgrade_Rule", Said("")).text)
    for what, fitting in (
        (f"its firmware {load}", [kind for kind in models if load and kind.runs(load)]),
        ("the model's profile in the folder", [kind for kind in models if first_file(kind, folder, path) is not None]),
        (f"its {last} lines or keys", [kind for kind in models if kind.line_keys.value >= last]),
    ):
        if fitting and len(fitting) < len(models):
            models = fitting
            evidence.append(what)
    best = min(models, key=lambda kind: (kind.line_keys.value < last, kind.line_keys.value))
    others = tuple(kind.name for kind in models if kind is not best)
    sure = Confidence.CERTAIN if not others else Confidence.LIKELY
    return ModelGuess(best.name, sure, others, " and ".join(filter(None, evidence)))


def _series(own: Mapping[str, Said]) -> tuple[Series, str]:
    if any(name.startswith(f"{ROUTER}/") for name in own) or "Caller_ID_Method" in own:
        return Series.ADAPTER, "its section for a router"
    if not _MPP_ONLY.isdisjoint(own):
        return Series.MPP, "names that only multiplatform phones have"
    return Series.SPA, ""


def first_file(kind: Model, folder: SourceFolder, path: str) -> str | None:
    """Return the path of the model's profile for the phone whose own is at ``path``, None if there is none."""
    of, _kind = model_of(kind.name)
    return folder.find_beside(path, of.files[0].name.format(psn=kind.psn, model=kind.name))
