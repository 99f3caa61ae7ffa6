"""Marks of what a form showed: nobody writes over what somebody else has changed meanwhile without being told."""

import hashlib
import json

from ringfence.hub.errors import ChangedMeanwhile
from ringfence.hub.people.forms import Form

FIELD = "shown"


def mark(values: Form) -> str:
    """Return a mark of what a form shows."""
    return hashlib.sha256(json.dumps(sorted(values.items())).encode()).hexdigest()[:20]


def check_unchanged(form: Form, now: Form) -> None:
    """Compare what a form showed with what is there now; a form that does not say what it showed is taken as it is.

    Raises:
        ChangedMeanwhile: They differ.
    """
    shown = form.get(FIELD, "")
    if shown and shown != mark(now):
        raise ChangedMeanwhile(
            "somebody else has changed this since it was shown to you",
            to_do="Look at what is there now, in another window. If you save again, what you typed takes its place.",
        )
