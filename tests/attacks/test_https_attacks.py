"""Nobody gets another phone's file from the hub's listener, and its phones are served all the same."""

from collections.abc import Iterator

import pytest

from attacks.https_attacks import HTTPS, HttpsEntry, attacked_listener, carry_out_at_listener
from support.https_phones import AtListener
from support.serving_hub import served_hub


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtListener]:
    with served_hub(tmp_path_factory.mktemp("hub") / "data") as running, attacked_listener(running) as there:
        yield there


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.name) for entry in HTTPS])
def test_an_attack_on_the_listener(entry: HttpsEntry, at: AtListener) -> None:
    outcome = carry_out_at_listener(entry, at)
    assert outcome.got == [], outcome
    assert outcome.did
