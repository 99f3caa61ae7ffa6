"""Guesses an unknown phone's model from what it announces and from the file names that it asks for."""

import json
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.store.models import EdgeReportRow
from ringfence.phones.families import families
from ringfence.phones.family import Model
from ringfence.wire.messages import Report

_MOST_NAMES = 60


def guess(session: Session, site_id: str, report: Report) -> str:
    """Return the likely model of the phone behind a refused request; empty if unknown."""
    chosen = (
        select(EdgeReportRow.name)
        .where(EdgeReportRow.site_id == site_id, EdgeReportRow.peer == report.peer)
        .order_by(EdgeReportRow.id.desc())
        .limit(_MOST_NAMES)
    )
    return model_of_names([report.name, *session.scalars(chosen)], _platform(report.decision))


def model_of_names(names: Collection[str], platform: str = "") -> str:
    """Return the one model that asks for such names or announces itself so; empty if there are several."""
    asked = {name.replace("\\", "/").rpartition("/")[2].casefold() for name in names}
    models = [model for family in families().values() for model in family.models.values()]
    if platform:
        said = [model.name for model in models if platform.casefold().endswith(model.name.casefold())]
        if said:
            return max(said, key=len)
    found = {model.name for model in models if asked & _own_names(model)}
    return found.pop() if len(found) == 1 else ""


def _own_names(model: Model) -> set[str]:
    """Return the names that a model asks for and most others do not."""
    names = {model.locale_file, model.tones_file, *model.recovery_loads}
    if model.psn:
        names |= {f"{model.psn}.xml", f"spa{model.psn}.cfg"}
    return {name.casefold() for name in names if name}


def _platform(decision: str) -> str:
    """Return what the machine at that address announced; empty if nobody heard it."""
    try:
        announced = json.loads(decision)["evidence"]["announced"]
        return str(announced[3])
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
