"""Attacks on the hub's listener for phones: by whoever holds a phone's certificate, or none, from anywhere.

What counts is how many bytes of Bert's file, or of Anna's to anybody but her phone, the attacker gets; and that Anna's
and Bert's phones are served afterwards.
"""

import contextlib
import functools
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from attacks.box_attacks import BoxOutcome
from ringfence.phones.mac import Mac
from support.https_phones import AtListener, Factory, HttpsPhone, listening, small_business
from support.phone_identities import forger
from support.running_hub import RunningHub
from support.serving_hub import served_hub
from support.trusted_hub import trust

_PASSWORD = "s3cr3t"
MODEL = "CP-8841-3PCC"


@dataclass
class HttpsPlace:
    """Anna's phone and Bert's, both at one site, and an old phone of Carl's that has a key in its URL."""

    at: AtListener
    site: str
    anna: str
    bert: str
    carl: str

    def phone(self, bare: str, factory: Factory | None = None) -> HttpsPhone:
        return self.at.client(factory or small_business(bare, MODEL))

    def path(self, bare: str) -> str:
        return f"/{bare.lower()}.xml"

    def told(self) -> str:
        kinds = sorted({kind for kind, _sentence in self.at.alerts(self.site)})
        return f"404; alerts: {', '.join(kinds) or 'none'}"


@dataclass(frozen=True, slots=True)
class HttpsEntry:
    """One attack; ``attack`` returns what it got of others' secrets, and what happened."""

    name: str
    attack: Callable[[HttpsPlace], tuple[list[bytes], str]]
    leaks: str = ""
    """Why it gets something, where that is known and told; nothing here."""
    slows: str = ""


def neighbours_file(place: HttpsPlace) -> tuple[list[bytes], str]:
    got = _secrets(place, place.phone(place.anna), [place.path(place.bert)])
    return got, place.told()


def enumeration(place: HttpsPlace) -> tuple[list[bytes], str]:
    names = [place.path(f"{int(place.anna, 16) + number:012X}") for number in range(1, 30)]
    got = _secrets(place, place.phone(place.anna), names)
    told = place.told()
    assert "https-enumeration" in told
    return got, told


def other_spellings(place: HttpsPlace) -> tuple[list[bytes], str]:
    bert = place.bert.lower()
    names = [f"//{bert}.xml", f"/./{bert}.xml", f"/x/../{bert}.xml", f"/%2e/{bert}.xml", f"/{place.bert}.xml",
             f"/{bert}.xml?{place.anna}", f"http://x/{bert}.xml", f"/stub/{bert}.xml", f"/{place.anna}/{bert}.xml",
             f"/{bert}%00.xml", f"\\{bert}.xml"]  # fmt: skip
    return _secrets(place, place.phone(place.anna), names), place.told()


def forged_issuer(place: HttpsPlace) -> tuple[list[bytes], str]:
    got = _secrets(
        place, place.phone(place.bert, small_business(place.bert, MODEL, maker=forger())), [place.path(place.bert)]
    )
    return got, "no TLS"


def generic_certificate(place: HttpsPlace) -> tuple[list[bytes], str]:
    shared = small_business("ciscogeneric", "cisco.com", "ciscogeneric")
    return _secrets(place, place.phone(place.bert, shared), [place.path(place.bert)]), place.told()


def no_certificate(place: HttpsPlace) -> tuple[list[bytes], str]:
    names = [place.path(place.bert), "/8841-3PCC.xml", f"/{place.carl.lower()}.cfg"]
    return _secrets(place, place.at.client(None), names), place.told()


def led_down(place: HttpsPlace) -> tuple[list[bytes], str]:
    """Bert's phone is led to TLS 1.0 at the address for today's phones, and then at the one for old phones."""
    got = []
    for old in (False, True):
        phone = place.at.client(small_business(place.bert, MODEL), old=old, version=ssl.TLSVersion.TLSv1)
        got += _secrets(place, phone, [place.path(place.bert)])
    return got, place.told()


def recorded_key(place: HttpsPlace) -> tuple[list[bytes], str]:
    """Somebody has read the URL with Carl's key, after Carl's phone used it."""
    made = place.at.running.do("POST", f"/phones/{Mac(place.carl)}/https/key", {})
    path = urlsplit(made["secret_url"]).path.replace("$MA", place.carl.lower())
    agent = f"Cisco/SPA504G-7.4.8a ({place.carl.lower()})(CBT141400UK)"
    carls = place.at.client(None, old=True, agent=agent)
    assert carls.get(path).status == 200
    thief = place.at.client(None, old=True, agent=agent)
    return _secrets(place, thief, [path]), place.told()


def key_of_another(place: HttpsPlace) -> tuple[list[bytes], str]:
    """Carl's key is used for Bert's file."""
    made = place.at.running.do("POST", f"/phones/{Mac(place.carl)}/https/key", {})
    path = urlsplit(made["secret_url"]).path.rpartition("/")[0]
    return _secrets(place, place.at.client(None, old=True), [f"{path}{place.path(place.bert)}"]), place.told()


def silence(place: HttpsPlace) -> tuple[list[bytes], str]:
    """Connections that say nothing, of four addresses."""
    with contextlib.ExitStack() as stack:
        for number in range(400):
            line = socket.create_connection(("127.0.0.1", place.at.port), 60, (f"127.0.3.{number % 4 + 1}", 0))
            stack.enter_context(line)
        assert place.phone(place.bert).get(place.path(place.bert)).status == 200
    return [], "Bert's phone was served meanwhile"


HTTPS = (
    HttpsEntry("a genuine phone asks for its neighbour's file", neighbours_file),
    HttpsEntry("a genuine certificate enumerates phones", enumeration),
    HttpsEntry("a genuine phone spells its neighbour's name otherwise", other_spellings),
    HttpsEntry("a certificate of a CA with the maker's name", forged_issuer),
    HttpsEntry("the certificate that the oldest units share", generic_certificate),
    HttpsEntry("no certificate at all", no_certificate),
    HttpsEntry("a phone of today is led down to TLS 1.0", led_down),
    HttpsEntry("a URL with a key is used from elsewhere", recorded_key),
    HttpsEntry("a URL's key is used for another phone", key_of_another),
    HttpsEntry("400 connections that say nothing", silence),
)


@contextlib.contextmanager
def attacked_listener(running: RunningHub) -> Iterator[AtListener]:
    trust(running)
    config = running.hub.config
    config.phones_old_listen, config.phones_old_url = "127.0.0.1:8444", "https://phones.example.org:8444"
    with listening(running) as at:
        yield at


def new_place(at: AtListener) -> HttpsPlace:
    site = at.site()
    anna, bert, carl = at.phone(site), at.phone(site), at.phone(site, "SPA504G")
    for bare in (anna, bert, carl):
        at.running.do("PUT", f"/phones/{Mac(bare)}/lines/1", {"password": f"{_PASSWORD}{bare}"})
    at.running.publish()
    return HttpsPlace(at, site, anna, bert, carl)


def carry_out_at_listener(entry: HttpsEntry, at: AtListener) -> BoxOutcome:
    """Attack a site of its own; its phones are served afterwards."""
    place = new_place(at)
    got, did = entry.attack(place)
    answer = place.phone(place.bert).get(place.path(place.bert))
    assert f"{_PASSWORD}{place.bert}".encode() in answer.data, "Bert's phone is served all the same"
    return BoxOutcome(entry.name, got, did)


@functools.cache
def _listener() -> AtListener:
    """A hub for the table of all attacks, which ends with the process."""
    stack = contextlib.ExitStack()
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    at = stack.enter_context(attacked_listener(stack.enter_context(served_hub(Path(folder) / "data"))))
    _ENDED.push(stack.pop_all())
    return at


_ENDED = contextlib.ExitStack()


def carry_out_by_https(entry: HttpsEntry) -> BoxOutcome:
    """Attack the listener of the table's hub."""
    outcome = carry_out_at_listener(entry, _listener())
    if entry is HTTPS[-1]:
        _ENDED.close()
    return outcome


def _secrets(place: HttpsPlace, phone: HttpsPhone, paths: list[str]) -> list[bytes]:
    """Return what a client gets under these names that holds a secret."""
    secrets = [f"{_PASSWORD}{bare}".encode() for bare in (place.anna, place.bert, place.carl)]
    got = []
    for path in paths:
        with contextlib.suppress(OSError):
            answer = phone.get(path)
            assert "location" not in answer.headers
            got += [each for each in secrets if each in answer.data]
    return got
