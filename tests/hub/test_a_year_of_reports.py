"""After a year a hub keeps no more than after half of one."""

from ringfence.hub.core import Hub
from support.simulated_year import SimulatedHub


def test_what_a_hub_keeps_after_a_year_is_what_it_kept_after_half(idle: Hub) -> None:
    idle.config = idle.config.changed(releases_kept=3, releases_kept_days=30, audit_kept_days=60)
    simulated = SimulatedHub(idle, count=2, reports=5)
    sizes = list(simulated.months(12, turns=2))
    half, year = sizes[5], sizes[11]
    grown = {name: (half.rows[name], count) for name, count in year.rows.items() if count > half.rows[name] * 1.1 + 2}
    assert grown == {}
    assert year.blob_bytes <= half.blob_bytes * 1.1
    assert year.rows["report"] > 0
    assert 0 < year.rows["release"] < 12
