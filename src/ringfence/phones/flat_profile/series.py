"""The three kinds of devices that read flat profiles; they know different parameters."""

from enum import StrEnum

from ringfence.phones.family import Model

ADAPTERS = frozenset({"SPA112", "SPA122", "ATA191", "ATA192"})
_MULTIPLATFORM = "-3PCC"


class Series(StrEnum):
    """Whose parameters a model knows."""

    SPA = "SPA300 and SPA500 phones"
    MPP = "multiplatform phones"
    ADAPTER = "analogue adapters"


def series_of(model: Model) -> Series:
    """Return the series of a model."""
    if model.name in ADAPTERS:
        return Series.ADAPTER
    return Series.MPP if model.name.endswith(_MULTIPLATFORM) else Series.SPA
