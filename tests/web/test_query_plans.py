"""What a page about one thing asks of the database costs the same in a fleet of any size: its plans say so."""

import re

import pytest

from support.asked_statements import asked_by
from support.running_hub import RunningHub
from web.test_every_page import SHOWN, filled

OF_MANY = {
    "/drafts/{draft}/preview": "what a publish would do everywhere",
    "/sites/{site}/releases/hold": "what a publish would do once the hold has ended",
    "/firmware/{load}": "the sites of all phones that name it",
    "/settings/sites/{site}/{name:path}": "of which models the organisation has phones, once",
}
"""Pages that read more than they are about, and why."""
OF_ONE = [
    path
    for path in SHOWN
    if path not in OF_MANY
    and re.search(r"\{(site|mac|edge|alert|activation|token|person|rollout|draft|load|number)\}", path)
]
GROWS = re.compile(
    r"site|phone|line|edge|report|release|release_target|blob|(site|phone|line)_setting|edge_certificate|guard_\w+"
    r"|audit|prepared_target|provisioning_credential|left_out_phone|activation\w*|rotation"
)
"""Tables that grow with the fleet, or with time."""
READS_ALL = re.compile(r"(?:SCAN (?P<scanned>\w+)|SEARCH (?P<searched>\w+) USING .*\(organisation_id=\?\))")


@pytest.mark.slow
@pytest.mark.parametrize("path", OF_ONE)
def test_a_page_about_one_thing_reads_no_table_that_grows_with_the_fleet(
    path: str, running: RunningHub, known: dict[str, str]
) -> None:
    found = set()
    for statement, parameters in asked_by(running, filled(path, known)):
        if not statement.startswith(("SELECT", "WITH")):
            continue
        with running.hub.database.reading() as session:
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()  # type: ignore[arg-type] # the driver's
        for step in plan:
            read = READS_ALL.fullmatch(step[3])
            if read is not None and GROWS.fullmatch(read["scanned"] or read["searched"]):
                found.add(f"{step[3]}: {statement}")
    assert found == set()
