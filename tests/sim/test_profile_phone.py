"""A simulated SPA or Multiplatform phone with a key for its profiles: what it follows, opens, refuses and keeps."""

from pathlib import Path

import pytest

from ringfence.phones.errors import ConfigurationRejected
from ringfence.phones.families import model as model_of
from ringfence.phones.flat_profile.sealed_profile import ProfileKey, first_profile, sealed, with_key
from ringfence.phones.mac import Mac
from ringfence.secret import Secret
from ringfence.sim.errors import ConfigurationMissing, FileDistrusted, NoTrustList
from ringfence.sim.phone_memory import PhoneMemory
from ringfence.sim.profile_phone import ProfilePhone, profile_phone
from ringfence.sim.trust_steps import Decrypted, Distrusted, TrustStep
from ringfence.sim.trusting_phone import PhoneTrust
from support.phone_identities import old_identity

MAC = Mac("000E08AABB01")
SPA, MODEL = model_of("SPA504G")
FIRST, OWN = "/spa504G.cfg", f"/{MAC.bare.lower()}.cfg"
LEADS = b"<flat-profile><Profile_Rule>/$MA.cfg</Profile_Rule></flat-profile>"
CLEAR = b"<flat-profile><User_ID_1_>301</User_ID_1_><Password_1_>s3cret</Password_1_></flat-profile>"
ONE, TWO = (ProfileKey(Secret(char * 32), char * 12) for char in ("a", "b"))


class Server(dict[str, bytes]):
    """What a server has, and what it was asked for."""

    def __init__(self, *keys: ProfileKey) -> None:
        super().__init__({FIRST: LEADS})
        self.asked: list[str] = []
        self.steps: list[TrustStep] = []
        if keys:
            self[OWN] = first_profile(keys[0], ".cfg")
            body = with_key(CLEAR, keys[-1], ".cfg")
            for key in keys:
                self[f"/{key.name_of(OWN[1:])}"] = sealed(body, key)

    def ask(self, name: str) -> bytes | None:
        self.asked.append(name)
        return self.get(name)

    def boot(self, memory: PhoneMemory) -> bytes:
        """Let a phone with this memory ask, and return what it has then."""
        self.asked.clear()
        self.steps.clear()
        return ProfilePhone(MAC, SPA, MODEL, memory).resync(self.ask, self.steps.append)[0]


def test_a_fresh_phone_takes_its_key_and_then_what_the_key_opens(tmp_path: Path) -> None:
    server = Server(ONE)
    held = server.boot(PhoneMemory(tmp_path / "flash"))
    assert server.asked == [FIRST, OWN, f"/aaaaaaaaaaaa{OWN}"]
    assert server.steps == [Decrypted(f"/aaaaaaaaaaaa{OWN}", "")]
    assert b"s3cret" in held

    server.boot(PhoneMemory(tmp_path / "flash"))

    assert server.asked == [f"/aaaaaaaaaaaa{OWN}"]


def test_a_phone_follows_to_another_key() -> None:
    memory = PhoneMemory()
    Server(ONE).boot(memory)
    server = Server(ONE, TWO)
    server.boot(memory)
    assert server.asked == [f"/aaaaaaaaaaaa{OWN}", f"/bbbbbbbbbbbb{OWN}"]
    server.boot(memory)
    assert server.asked == [f"/bbbbbbbbbbbb{OWN}"]


def test_what_a_phone_can_t_open_changes_nothing() -> None:
    memory = PhoneMemory()
    held = Server(ONE).boot(memory)
    server = Server(ONE)
    name = f"/aaaaaaaaaaaa{OWN}"
    for bad in (sealed(CLEAR, TWO), CLEAR, server[name][:40], server[name][:-16], b""):
        server[name] = bad
        with pytest.raises(FileDistrusted):
            server.boot(memory)
        assert [type(step) for step in server.steps] == [Distrusted]
        assert memory.configuration == (held,)


def test_a_phone_that_was_reset_asks_for_its_first_profile_again() -> None:
    server = Server(ONE)
    del server[OWN]
    with pytest.raises(ConfigurationMissing, match="ringfence trust adopt"):
        server.boot(PhoneMemory())
    assert server.asked == [FIRST, OWN]


def test_an_encrypted_profile_is_of_no_use_to_a_phone_without_a_key() -> None:
    server = Server()
    server[OWN] = sealed(CLEAR, ONE)
    with pytest.raises(FileDistrusted):
        server.boot(PhoneMemory())


def test_a_profile_in_clear_sets_what_it_names_and_leaves_the_rest() -> None:
    memory, server = PhoneMemory(), Server()
    server[OWN] = CLEAR
    server.boot(memory)
    server[OWN] = b"<device><flat-profile><User_ID_1_>302</User_ID_1_></flat-profile></device>"
    held = server.boot(memory)
    assert b"302" in held
    assert b"301" not in held
    assert b"s3cret" in held


def test_what_is_no_profile_is_rejected_and_so_is_a_rule_that_leads_on_and_on() -> None:
    server = Server()
    for bad in (b"<flat-profile>", b"<other/>"):
        server[OWN] = bad
        with pytest.raises(ConfigurationRejected):
            server.boot(PhoneMemory())
    for at in range(6):
        said = f"<flat-profile><Profile_Rule>/{at + 1}.cfg</Profile_Rule></flat-profile>"
        server[FIRST if at == 0 else f"/{at}.cfg"] = said.encode()
    with pytest.raises(ConfigurationRejected, match="still leads"):
        server.boot(PhoneMemory())


def test_such_a_phone_has_neither_lists_nor_certificates() -> None:
    assert profile_phone(MAC, SPA, MODEL, None) is None
    with pytest.raises(NoTrustList, match="a key for profiles"):
        profile_phone(MAC, SPA, MODEL, PhoneTrust(mic=old_identity("CP-9971-SEP000E08AABB01")))
    enterprise, model = model_of("9971")
    assert profile_phone(MAC, enterprise, model, PhoneTrust()) is None
