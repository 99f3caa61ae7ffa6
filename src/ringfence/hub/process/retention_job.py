"""What the running hub removes by itself as it is over: every hour, in short transactions."""

from collections.abc import Sequence

from ringfence.errors import RingfenceError
from ringfence.hub import logs, within
from ringfence.hub.core import Hub
from ringfence.hub.fleet import report_budget
from ringfence.hub.process import tidying
from ringfence.hub.retention import old_audit, old_releases, old_uploads, unused_blobs
from ringfence.hub.retention.policy import RetentionPolicy

DOES = "Remove what is over for long"
EVERY_S = 3600.0
FIRST_AFTER_S = 20.0
"""So that a hub whose disk is full makes room soon after its start."""
_log = logs.get("retention")


def go_on(hub: Hub) -> Sequence[str]:
    """Remove what each organisation has no use for any more, then blobs; return what failed."""
    problems = list(within.in_turn(within.each(hub), _of_one))
    try:
        gone = unused_blobs.collect(within.everywhere(hub))
    except RingfenceError as fault:
        _log.error("blobs can't be removed and will be tried again", problem=str(fault))
        return [*problems, str(fault)]
    if gone.blobs:
        _log.info("removed files that nothing refers to", files=gone.blobs, size_bytes=gone.size_bytes)
    return problems


def forget(hub: Hub) -> None:
    """Remove an organisation's rows that are over for long."""
    for rows in (report_budget.forget, tidying.forget):
        gone = -1
        while gone:
            with hub.database.writing() as session:
                gone = rows(session, hub.clock())


def _of_one(hub: Hub) -> None:
    forget(hub)
    removed = old_releases.remove(hub, RetentionPolicy.of(hub.config))
    uploads = old_uploads.remove(hub)
    entries = old_audit.cut(hub, RetentionPolicy.of(hub.config))
    if removed.releases or removed.documents or uploads or entries:
        counts = {"releases": removed.releases, "documents": removed.documents, "uploads": uploads, "entries": entries}
        _log.info("removed what is over for long", organisation=hub.organisation_id, **counts)
