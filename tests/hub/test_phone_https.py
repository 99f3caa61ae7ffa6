"""How a phone is led to the hub's listener, and keys in the URLs of phones that have no certificate."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from ringfence.hub.data.config import make_config
from ringfence.hub.errors import BadConfiguration
from ringfence.phones.mac import Mac
from support.https_phones import AtListener, HttpsPhone, listening, small_business
from support.running_hub import RunningHub
from support.trusted_hub import trust

URL, OLD_URL = "https://phones.example.org:8443", "https://phones.example.org:8444"


@pytest.fixture(scope="module")
def at(running: RunningHub) -> Iterator[AtListener]:
    trust(running)
    config = running.hub.config
    config.phones_listen, config.phones_url = "127.0.0.1:8443", URL
    config.phones_old_listen, config.phones_old_url = "127.0.0.1:8444", OLD_URL
    with listening(running) as there:
        yield there


def published(at: AtListener, model: str = "8841-3PCC", **settings: str) -> tuple[str, str]:
    site = at.site()
    bare = at.phone(site, model)
    for name, value in settings.items():
        at.running.do("PUT", f"/settings/sites/{site}/{name}", {"value": value})
    at.running.publish()
    return site, bare


def rule_in(data: bytes, name: str = "Profile_Rule") -> str:
    found = re.search(rf'<{name} ua="na">([^<]*)<'.encode(), data)
    return found[1].decode() if found else ""


@pytest.mark.parametrize(
    ("model", "setting", "url", "end"),
    [
        ("8841-3PCC", "https_url", URL, ".xml"), ("SPA504G", "https_old_url", OLD_URL, ".cfg"),
        ("SPA112", "https_old_url", OLD_URL, ".cfg"),
    ],
)  # fmt: skip
def test_the_rule_leads_a_phone_to_the_listener(at: AtListener, model: str, setting: str, url: str, end: str) -> None:
    site, bare = published(at, model, **{setting: url + "/"})
    factory = small_business(bare, "CP-8841-3PCC" if end == ".xml" else model)
    phone = at.client(factory, old=end == ".cfg")
    answer = phone.get(f"/{bare.lower()}{end}")
    assert rule_in(answer.data) == f"{url}/$MA{end}"
    first = "8841-3PCC.xml" if end == ".xml" else f"spa{model.removeprefix('SPA')}.cfg"
    assert rule_in(phone.get(f"/{first}").data) == f"{url}/$MA{end}"
    shown = at.running.do("GET", f"/phones/{Mac(bare)}/https")
    assert (shown["url"], shown["rule"], shown["is_old"]) == (f"{url}/$MA{end}", f"{url}/$MA{end}", end == ".cfg")
    assert site


def test_an_encrypted_profile_is_asked_for_by_https_too(at: AtListener) -> None:
    _site, bare = published(at, https_url=URL, trust="encrypted")
    phone = at.client(small_business(bare, "CP-8841-3PCC"))
    rule = rule_in(phone.get(f"/{bare.lower()}.xml").data)
    found = re.fullmatch(rf'\[--key "\$SA"\] {URL}/([0-9a-f]{{12}})/\$MA\.xml', rule)
    assert found is not None, rule
    assert phone.get(f"/{found[1]}/{bare.lower()}.xml").data.startswith(b"Salted__")


def test_what_is_not_https_is_refused(at: AtListener) -> None:
    site = at.site()
    at.phone(site)
    said = at.running.ask("PUT", f"/settings/sites/{site}/https_url", {"value": "http://phones.example.org"})
    assert said.status == 422
    assert "is not HTTPS: anybody on the way would read the phone's passwords" in said.json["what"]


def test_what_is_known_of_a_phone_is_said_with_its_level(at: AtListener) -> None:
    _site, bare = published(at)
    path = f"/phones/{Mac(bare)}/https"
    shown = at.running.do("GET", path)
    assert (shown["proof"], shown["level"]) == ("none", "L0")
    assert shown["next_step"] == (
        f"To lead the phone there: ringfence set phone {Mac(bare)} https_url={URL}, and ringfence publish."
    )
    at.client(small_business(bare, "CP-8841-3PCC")).get(f"/{bare.lower()}.xml")
    at.listeners.desk.flush()
    shown = at.running.do("GET", path)
    while shown["proof"] == "none":
        at.listeners.desk.flush()
        shown = at.running.do("GET", path)
    assert (shown["proof"], shown["level"], shown["next_step"]) == (
        "certificate",
        "L4",
        "Nothing: the hub knows the phone.",
    )


class Keyed:
    """A phone with a key in its URL."""

    def __init__(self, at: AtListener, *, networks: tuple[str, ...] = ()) -> None:
        self.at = at
        self.site, self.bare = published(at, "SPA504G")
        self.path = f"/phones/{Mac(self.bare)}/https"
        self.made = at.running.do("POST", f"{self.path}/key", {"networks": list(networks)})
        at.running.publish()
        self.url = urlsplit(self.made["secret_url"]).path.replace("$MA", self.bare.lower())
        self.agent = f"Cisco/SPA504G-7.4.8a ({self.bare.lower()})(CBT141400UK)"

    def phone(self, agent: str | None = None) -> HttpsPhone:
        return self.at.client(None, old=True, agent=self.agent if agent is None else agent)


def test_a_key_is_bound_by_its_first_use_and_then_works_as_bound_alone(at: AtListener) -> None:
    keyed = Keyed(at)
    phone = keyed.phone()
    answer = phone.get(keyed.url)
    assert answer.status == 200
    assert b"Profile_Rule" not in answer.data, "the phone keeps the URL that nobody but it has"
    assert phone.get(keyed.url).status == 200
    assert phone.get(keyed.url.replace(f"{keyed.bare.lower()}.cfg", "spa504G.cfg")).status == 200
    key = at.running.do("GET", keyed.path)["key"]
    assert (key["bound_network"], key["bound_agent"]) == (f"{phone.host}/32", f"{keyed.bare}/CBT141400UK/SPA504G")
    elsewhere = keyed.phone()
    assert elsewhere.get(keyed.url).status == 404
    phone.agent = f"Cisco/SPA504G-7.4.8a ({keyed.bare.lower()})(CBT999999ZZ)"
    assert phone.get(keyed.url).status == 404
    phone.agent = ""
    assert phone.get(keyed.url).status == 404
    sentences = " ".join(sentence for _kind, sentence in at.alerts(keyed.site))
    assert "the key in the URL was used from another network than its own" in sentences
    newest = next(each for each in at.log(keyed.site) if each["finding"] == "allowed")
    assert (newest["reached"], newest["finding"]) == ("L1", "allowed")
    shown = at.running.do("GET", keyed.path)
    assert (shown["proof"], shown["level"]) == ("url-key", "L1")
    assert "k/" not in str(at.log(keyed.site)), "no key in a log"


def test_a_key_of_one_phone_opens_no_other_phones_file(at: AtListener) -> None:
    keyed = Keyed(at)
    other = at.phone(keyed.site, "SPA504G")
    at.running.publish()
    phone = keyed.phone()
    assert phone.get(keyed.url.replace(keyed.bare.lower(), other.lower())).status == 404
    assert phone.get(keyed.url).status == 200
    assert phone.get(f"/{keyed.bare.lower()}.cfg").status == 404, "without its key it is nobody"


def test_a_user_agent_of_another_phone_does_not_bind_a_key(at: AtListener) -> None:
    keyed = Keyed(at)
    assert keyed.phone("Cisco/SPA504G-7.4.8a (001122334455)(CBT141400UK)").get(keyed.url).status == 404
    assert at.running.do("GET", keyed.path)["key"]["bound_at"] is None
    assert keyed.phone().get(keyed.url).status == 200


def test_a_key_for_named_networks_moves_within_them(at: AtListener) -> None:
    keyed = Keyed(at, networks=("127.0.1.0/24",))
    assert keyed.phone().get(keyed.url).status == 200
    assert keyed.phone().get(keyed.url).status == 200
    outside = keyed.phone()
    outside.host = "127.0.2.1"
    assert outside.get(keyed.url).status == 404
    said = at.running.ask("POST", f"{keyed.path}/key", {"networks": ["nonsense"]})
    assert (said.status, "is not a network" in said.json["what"]) == (422, True)


def test_a_key_that_is_late_replaced_or_taken_away_opens_nothing(at: AtListener) -> None:
    keyed = Keyed(at)
    with at.running.clock.forward(8 * 86_400):
        assert keyed.phone().get(keyed.url).status == 404
    at.running.do("POST", f"{keyed.path}/key", {})
    assert keyed.phone().get(keyed.url).status == 404
    at.running.do("DELETE", f"{keyed.path}/key")
    assert at.running.ask("DELETE", f"{keyed.path}/key").status == 404
    at.running.publish()
    assert at.running.do("GET", keyed.path)["key"] is None


def test_who_guesses_keys_gets_nothing_for_a_while(at: AtListener) -> None:
    keyed = Keyed(at)
    thief = keyed.phone()
    for number in range(10):
        assert thief.get(f"/k/{number}{'a' * 20}/{keyed.bare.lower()}.cfg").status == 404
    assert thief.get(keyed.url).status == 404
    assert keyed.phone().get(keyed.url).status == 200


@pytest.mark.parametrize(
    "values",
    [
        {"phones_listen": "8443"}, {"phones_listen": "example.org:8443"}, {"phones_listen": "0.0.0.0:99999"},
        {"phones_listen": "::1:8443"}, {"phones_key": "key.pem"}, {"phones_old_certificate": "x.pem"},
        {"phones_url": "ftp://x"},
    ],
)  # fmt: skip
def test_what_hub_toml_can_not_say_of_the_listener(values: dict[str, str]) -> None:
    with pytest.raises(BadConfiguration):
        make_config(address="hub.example.org", **values)


def test_where_phones_find_the_listener() -> None:
    config = make_config(address="hub.example.org", phones_listen="[::]:8443", phones_old_listen="0.0.0.0:0")
    assert config.url_for_phones(config.address, is_old=False) == "https://hub.example.org:8443"
    assert config.url_for_phones(config.address, is_old=True) == ""


def test_a_model_without_a_profile_rule_gets_no_key(at: AtListener) -> None:
    bare = at.phone(at.site(), "9971")
    refused = at.running.ask("POST", f"/phones/{Mac(bare)}/https/key", {})
    assert (refused.status, refused.json["kind"]) == (422, "bad-selection")
    assert "model 9971 has no profile rule" in refused.json["what"]
    shown = at.running.do("GET", f"/phones/{Mac(bare)}/https")
    assert (shown["url"], shown["key"]) == ("", None)
    assert "has no profile rule" in shown["next_step"]
    assert b"has no profile rule" in at.running.raw("GET", f"/phones/{Mac(bare)}").data
