"""All phones of an office ask at once: none is refused for want of evidence that was on its way."""

import pytest

from ringfence.server.events import RequestRefused
from support.power_cut import office, phones


@pytest.mark.slow
@pytest.mark.needs("netns")
def test_after_a_power_cut_every_phone_gets_its_file() -> None:
    booting = phones(300)
    with office(booting) as edge:
        edge.boot(booting)
        findings = {event.finding for event in edge.events if isinstance(event, RequestRefused)}
    assert [phone.bare for phone in booting if phone.refused or not phone.over_at] == []
    assert findings == {"optional-file"}
