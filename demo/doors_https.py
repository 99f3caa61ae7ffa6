"""The door of HTTPS: phones in homes without any box fetch their files from the hub, with their makers' certificates.

The hub and its commands are real processes on loopback. Anna's phone is a simulated Multiplatform phone, Bert's an SPA
of 2008, with certificates in the makers' form, of a CA made for this, and the TLS of their time; they refuse the
servers that real ones refuse. Carl's is an SPA that has no certificate. Whoever asks for what is not theirs is a bare
client.
"""

import shutil
import ssl
import sys
import time
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parent.parent / "tests"))

from cryptography import x509

from ringfence.errors import RingfenceError
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.sim.capf_client import PhoneIdentity
from ringfence.sim.errors import ServerDistrusted
from ringfence.sim.https_side import HttpsSide
from ringfence.sim.phone import VirtualPhone
from stack import Stack, StoryBroken, free_port, running_stack, wait_for
from story import Story, must
from support.https_phones import HttpsPhone, small_business
from support.phone_identities import cisco, forger
from support.small_business_ca import SmallBusinessCa

FOLDER = Path(__file__).parent / ".run-https"
ANNA, BERT, CARL = "000E08A10001", "000E08B20002", "000E08C30003"
ANNAS_MODEL, SPA = "CP-8841-3PCC", "SPA504G"
OLD_NAME = "old.example.org"
TFTP = ("127.0.0.1", 69)
"""Where a simulated phone would look for files by TFTP: these ask for none."""
SITES = {ANNA: "home-anna", BERT: "home-bert", CARL: "home-carl"}


class Homes:
    """The hub's two addresses for phones, and who comes there."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.port, self.old_port = free_port(), free_port()
        for name, port in (("PHONES", self.port), ("PHONES_OLD", self.old_port)):
            stack.environment[f"RINGFENCE_HUB_{name}_LISTEN"] = f"127.0.0.1:{port}"
        stack.environment["RINGFENCE_HUB_PHONES_OLD_URL"] = self.old_url
        self.maker = SmallBusinessCa(time.time())
        self.anna = HttpsPhone(self.port, small_business(ANNA, ANNAS_MODEL))
        self.bert = HttpsPhone(self.old_port, small_business(BERT, SPA), ssl.TLSVersion.TLSv1)

    @property
    def url(self) -> str:
        """Where today's phones find the hub."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def old_url(self) -> str:
        """Where phones find it that speak TLS 1.0 alone."""
        return f"https://{OLD_NAME}:{self.old_port}"

    def phone(self, bare: str) -> VirtualPhone:
        """Return a phone at whose rule somebody has typed the hub's URL, and that knows its maker's CAs."""
        kind = "8841-3PCC" if bare == ANNA else SPA
        factory = small_business(bare, ANNAS_MODEL if bare == ANNA else SPA)
        url = str(self.stack.ask("phone", "https", bare)["url"])
        hubs_own = (self.stack.folder / "hub" / "authority.pem").read_text()
        side = HttpsSide(
            Mac(bare), model_of(kind)[1], hubs_own if bare == ANNA else self.maker.pem,
            PhoneIdentity(factory.certificate, factory.key), url, resolve=lambda _name: ("127.0.0.1",),
        )  # fmt: skip
        return VirtualPhone(Mac(bare), kind, TFTP, https=side)

    def secret(self, bare: str) -> bytes:
        """Return a phone's SIP secret."""
        return str(self.stack.ask("line", "password", bare, "1")["password"]).encode()

    def why(self, bare: str) -> str:
        """Return why the newest request for a phone's files was decided as it was."""
        rows = self.stack.ask("guard", "log", "--site", SITES[bare])
        return str(rows[0]["sentence"]) if rows else ""


def set_up(story: Story, homes: Homes) -> None:
    """Have a hub that listens to phones, and three homes with one each."""
    stack = homes.stack
    with story.step("A hub listens to phones at two addresses: one for today's, one for those that speak TLS 1.0."):
        stack.make_hub()
    with story.step("Three homes without any box: Anna has an 8841 for any PBX, Bert and Carl have SPA504Gs."):
        stack.run("set", "organisation", "sip_server=sip.example.org", f"https_url={homes.url}")
        stack.run("set", "organisation", f"https_old_url={homes.old_url}")
        for bare, label in ((ANNA, "Anna"), (BERT, "Bert"), (CARL, "Carl")):
            stack.run("site", "add", f"Home {label}")
            stack.run("phone", "add", bare, "--site", SITES[bare], "--model", "8841-3PCC" if bare == ANNA else SPA)
            stack.run("line", "set", bare, "1", "--name", label.lower(), "--label", label)
        stack.ask("publish")
    with story.step("The CA of the phones' maker is imported. From now on its certificates are believed."):
        ca = stack.folder / "maker.pem"
        ca.write_text(cisco().pem)
        stack.run("port-authority", "add", str(ca))
        wait_for("a listener that knows it", lambda: _status(homes.anna, f"/{ANNA.lower()}.xml") == HTTPStatus.OK)


def certify(story: Story, homes: Homes) -> None:
    """Have the maker sign what old phones see."""
    stack = homes.stack
    bert = homes.phone(BERT)
    with story.step("Bert's phone believes its maker's CA alone. It does not take the hub's own certificate."):
        try:
            bert.boot()
        except ServerDistrusted as fault:
            story.note(str(fault))
        else:
            raise StoryBroken("it took it")
    asked, signed = stack.folder / "phones.csr", stack.folder / "signed.pem"
    with story.step("The hub makes a request, whose key stays there; the maker signs it; the hub shows it in seconds."):
        who = ("--organisation", "Example", "--mail", "admin@example.org")
        stack.run("listener-certificate", "request", OLD_NAME, *who, "--out", str(asked))
        signed.write_text(homes.maker.sign(x509.load_pem_x509_csr(asked.read_bytes())) + homes.maker.pem)
        stack.run("listener-certificate", "install", str(signed))
        wait_for("a listener that shows it", lambda: _boots(bert))


def fetch(story: Story, homes: Homes) -> None:
    """Have phones fetch their files, and an edit reach one."""
    path = f"/{ANNA.lower()}.xml"
    anna, bert = homes.phone(ANNA), homes.phone(BERT)
    with story.step("Anna's phone shows its maker's certificate, and gets its file."):
        must(homes.secret(ANNA) in _passwords(anna), "it got another file")
    story.note(str(wait_for("the decision", lambda: homes.why(ANNA))))
    with story.step("Bert's phone of 2008 does so at the address for old phones."):
        must(homes.secret(BERT) in _passwords(bert), "it got another file")
    story.note(homes.bert.get(f"/{BERT.lower()}.cfg").tls)
    with story.step("Its file leads it there the next time, by its own rule."):
        bert.boot("resync")
    story.note(str(homes.stack.ask("phone", "https", BERT)["rule"]))
    with story.step("A line is renamed. When the phone comes again, it has the new file; otherwise nothing is sent."):
        etag = homes.anna.get(path).headers["etag"]
        must(homes.anna.get(path, If_None_Match=etag).status == HTTPStatus.NOT_MODIFIED, "the same file was sent again")
        homes.stack.run("line", "set", ANNA, "1", "--label", "Anna B.")
        homes.stack.ask("publish")
        must(b"Anna B." in homes.anna.get(path, If_None_Match=etag).data, "it has the old file")
        must("Anna B." in str(anna.boot("resync").lines), "the phone has the old label")


def refuse(story: Story, homes: Homes) -> None:
    """Have phones and strangers ask for what is not theirs."""
    berts = f"/{BERT.lower()}.cfg"
    with story.step("Anna's phone asks for Bert's file, with its own genuine certificate. It gets nothing."):
        must(_status(homes.anna, berts) == HTTPStatus.NOT_FOUND, "it got something")
        said = wait_for("the decision", lambda: next((why for why in [homes.why(ANNA)] if "Refused" in why), ""))
    story.note(said)
    with story.step("Somebody has a certificate whose CA only calls itself the maker. There is no connection."):
        must(
            _status(HttpsPhone(homes.port, small_business(ANNA, maker=forger())), f"/{ANNA.lower()}.xml") == 0, "it is"
        )
    with story.step("A unit of the first years shows the certificate that all of them share. It gets nothing."):
        shared = small_business("ciscogeneric", "cisco.com", "ciscogeneric")
        must(_status(HttpsPhone(homes.port, shared), berts) == HTTPStatus.NOT_FOUND, "it got something")
    with story.step(
        "Anna's phone is led down to TLS 1.0. At its own address there is none; at the old one it is refused."
    ):
        for port in (homes.port, homes.old_port):
            led = HttpsPhone(port, small_business(ANNA, ANNAS_MODEL), ssl.TLSVersion.TLSv1)
            must(_status(led, f"/{ANNA.lower()}.xml") in {0, HTTPStatus.NOT_FOUND}, f"it got its file at port {port}")
    with story.step(
        "Whoever has Anna's phone goes through its neighbours' addresses. Nothing is found, and it is told of."
    ):
        for number in range(int(ANNA, 16) + 1, int(ANNA, 16) + 12):
            must(_status(homes.anna, f"/{number:012x}.xml") == HTTPStatus.NOT_FOUND, "it got something")
        said = wait_for("the alert", lambda: _alert(homes.stack))
    story.note(said)


def without_certificate(story: Story, homes: Homes) -> None:
    """Give a phone without a certificate a key in its URL."""
    with story.step("Carl's phone has no certificate. It gets a key in its URL, which is shown once."):
        made = homes.stack.ask("phone", "https", CARL, "make-key")
        homes.stack.ask("publish")
    path = urlsplit(made["secret_url"]).path.replace("$MA", CARL.lower())
    carl = HttpsPhone(homes.old_port, agent=f"Cisco/SPA504G-7.4.8a ({CARL.lower()})(CBT141400UK)")
    with story.step("The first device that uses it has it from then on: Carl's phone, and it gets its file."):
        must(homes.secret(CARL) in carl.get(path).data, "it got another file")
    with story.step("Somebody elsewhere has read the URL. He comes second, and gets nothing."):
        must(_status(HttpsPhone(homes.old_port, agent=carl.agent), path) == HTTPStatus.NOT_FOUND, "he got something")
    story.note(homes.stack.run("phone", "https", CARL).strip())


def tell(story: Story, stack: Stack) -> None:
    """Tell the story."""
    homes = Homes(stack)
    set_up(story, homes)
    certify(story, homes)
    fetch(story, homes)
    refuse(story, homes)
    without_certificate(story, homes)


def _status(phone: HttpsPhone, path: str) -> int:
    """Return the status of an answer; 0 where TLS comes to nothing."""
    try:
        return phone.get(path).status
    except OSError:
        return 0


def _passwords(phone: VirtualPhone) -> list[bytes]:
    """Boot a phone, and return the passwords that it has then."""
    return [line.password.reveal().encode() for line in phone.boot().lines]


def _boots(phone: VirtualPhone) -> bool:
    try:
        phone.boot()
    except ServerDistrusted:
        return False
    return True


def _alert(stack: Stack) -> str:
    rows = stack.ask("guard", "alerts")
    return next((str(row["sentence"]) for row in rows if row["kind"] == "https-enumeration"), "")


def main() -> int:
    """Tell it, and return the exit status."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        with running_stack(FOLDER) as stack:
            tell(Story(), stack)
    except (StoryBroken, RingfenceError) as broken:
        sys.stderr.write(f"The story breaks: {broken}\n")
        return 1
    shutil.rmtree(FOLDER, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
