"""What is known of each family, how well, and that every limit can be broken by the file it is for."""

from dataclasses import fields

import pytest

from ringfence.phones.families import CISCO_LIMITS, FAMILIES, Fact, Family
from ringfence.phones.setting_types import Mark
from ringfence.phones.templating import built_in_template


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.id)
def test_every_fact_has_its_mark_and_its_source(family: Family) -> None:
    facts = [getattr(family, field.name) for field in fields(family)]
    facts = [fact for fact in facts if isinstance(fact, Fact)]
    assert len(facts) == 5
    for fact in facts:
        assert fact.source
        assert (fact.value is None) is (fact.mark is Mark.UNKNOWN)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.id)
def test_every_setting_and_every_limited_element_is_in_the_template(family: Family) -> None:
    template = built_in_template(family.template_name)
    read_elsewhere = {"ntp_servers", "sip_server", "sip_server_2", "sip_server_3"}  # as lists of hosts
    for name in family.settings.keys() - read_elsewhere:
        assert f".{name}" in template, name
    for element in family.limits:
        assert f"<{element.rpartition('/')[2]}>" in template, element


def test_what_we_write_is_never_longer_than_what_the_phone_takes() -> None:
    for element, limit in CISCO_LIMITS.items():
        assert 0 < limit.we_write <= limit.phone_takes, element
        assert limit.source
