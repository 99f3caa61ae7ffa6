"""The door of the phone's own VPN: the profile changes, and nobody is locked out.

Hub, edge, follower and commands are real processes on loopback. Two simulated phones take their files over TFTP and
sign in as these say, at a head end that answers as ocserv 1.2 does by its source. Debian has an older one, which the
tests use.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parent.parent / "tests"))

import bcrypt
from cryptography import x509

from ringfence.errors import RingfenceError
from ringfence.secret import Secret
from ringfence.server.tftp.client import fetch
from ringfence.sim.vpn_client import VpnEnded, VpnProfile, sign_in
from stack import RINGFENCE, Json, Stack, StoryBroken, free_port, running_stack, wait_for
from story import Story, must
from support.svc_server import SvcServer, svc_server

FOLDER = Path(__file__).parent / ".run-vpn"
SITE, NAME = "home-office-anna", "berlin"
ANNA, BERT = "00:1B:54:C2:9A:30", "00:1B:54:C2:9A:31"


class VpnPhone:
    """A phone with a VPN client: the file that it took last, and its password."""

    def __init__(self, stack: Stack, mac: str) -> None:
        self._stack, self.mac = stack, mac
        self.profile: VpnProfile | None = None
        made = stack.ask("vpn", "password", NAME, mac)
        self.user, self.password = str(made["user"]), Secret(made["password"])

    def boot(self) -> int:
        """Take the file that is at the edge now; return how many certificates it names."""
        name = f"SEP{self.mac.replace(':', '')}.cnf.xml"
        self.profile = VpnProfile.of(fetch(self._stack.tftp, name))
        must(self.profile is not None, f"the file of {self.mac} names no head end")
        return len(self.profile.pins) if self.profile is not None else 0

    def connect(self) -> VpnEnded:
        """Sign in at the head end, as the file says."""
        assert self.profile is not None  # noqa: S101 - it has booted
        return sign_in(self.profile, self.user, self.password)


class OcservFiles(Mapping[str, str]):
    """The passwords that a head end takes: of who is in its ``ocpasswd`` now, with the hash that stands there."""

    def __init__(self, folder: Path, phones: list[VpnPhone]) -> None:
        self._folder, self._phones = folder, phones

    def __getitem__(self, user: str) -> str:
        lines = (self._folder / "ocpasswd").read_text().splitlines()
        hashes = {name: hashed for name, _group, hashed in (line.split(":") for line in lines)}
        for phone in self._phones:
            password = phone.password.reveal()
            if phone.user == user and bcrypt.checkpw(password.encode(), hashes.get(user, "").encode() or b"$2b$04$"):
                return password
        raise KeyError(user)

    def get(self, user: str, default: str | None = None) -> str | None:  # type: ignore[override]  # no other default
        """Return a user's password where it counts."""
        try:
            return self[user]
        except (KeyError, ValueError):
            return default

    def __iter__(self) -> Iterator[str]:
        return iter(phone.user for phone in self._phones)

    def __len__(self) -> int:
        return len(self._phones)


class HeadEnd:
    """The head end's machine: its folder, and what it shows by the configuration that is there."""

    def __init__(self, stack: Stack, port: int) -> None:
        self.stack, self.port, self.folder = stack, port, stack.folder / "ocserv"
        self.folder.mkdir()
        self.phones: list[VpnPhone] = []

    def shown(self, fingerprint: str) -> tuple[Secret, x509.Certificate]:
        """Return the certificate and the key with a fingerprint."""
        path = self.folder / f"server-{fingerprint[:16]}.pem"
        key = Secret(path.with_suffix(".key").read_text())
        return key, x509.load_pem_x509_certificate(path.read_bytes())

    def running(self, fingerprint: str) -> AbstractContextManager[SvcServer]:
        """Run it with a certificate."""
        knows = SvcServer(OcservFiles(self.folder, self.phones))
        return svc_server(self.shown(fingerprint), knows, port=self.port)

    def export(self) -> str:
        """Write its files, and return the fingerprint of the certificate that they name."""
        made: Json = self.stack.ask("vpn", "export", str(self.folder), NAME, "--replace")
        must(
            f"server-cert = {self.folder}/server-{made['certificate'][:16]}.pem"
            in (self.folder / "ocserv.conf").read_text(),
            "ocserv.conf names another certificate",
        )
        return str(made["certificate"])


def set_up(story: Story, stack: Stack, head_end: HeadEnd) -> None:
    """Have a hub, a site with two phones, and a head end whose certificate is in their files."""
    with story.step("A hub, a site with two Cisco 8851, and an edge that serves them."):
        stack.make_hub()
        stack.run("set", "organisation", "sip_server=sip.example.org")
        stack.run("site", "add", "Home office Anna")
        stack.trust_loopback(SITE)
        for mac, user in ((ANNA, "201"), (BERT, "202")):
            stack.run("phone", "add", mac, "--site", SITE, "--model", "8851")
            stack.run("line", "set", mac, "1", "--name", user, "--label", user)
        stack.ask("publish")
        stack.enrol_edge(SITE)
        stack.start_edge()
    with story.step("A head end is added. Its key is made there, and the hub gets the certificate alone."):
        address = f"127.0.0.1:{head_end.port}"
        stack.run("vpn", "init", NAME, "--address", address, "--login", "name-and-password")
        stack.run("vpn", "announce", NAME, "--make", str(head_end.folder))
        stack.run("set", "site", SITE, f"vpn={NAME}")
        publish(stack)
    with story.step("Each phone gets a password, which is shown once. The head end gets its files."):
        head_end.phones += [VpnPhone(stack, mac) for mac in (ANNA, BERT)]
        head_end.export()


def tell(story: Story, stack: Stack) -> None:
    """Tell the story."""
    head_end = HeadEnd(stack, free_port())
    set_up(story, stack, head_end)
    anna, bert = head_end.phones
    first = head_end.export()
    with story.step("The phones boot, and connect: the head end shows the certificate that their files name."):
        must([anna.boot(), bert.boot()] == [1, 1], "the files name more than one certificate")
        with head_end.running(first):
            must(anna.connect().is_in and bert.connect().is_in, "a phone is not in")
            stack.run("vpn", "check", NAME)
    change(story, stack, head_end, first)
    follow(story, stack, head_end)


def change(story: Story, stack: Stack, head_end: HeadEnd, first: str) -> None:
    """Change the certificate; one phone is late."""
    anna, bert = head_end.phones
    with story.step(
        "Another certificate is announced and published: the files name both. Anna's phone takes its file."
    ):
        second = stack.ask("vpn", "announce", NAME, "--make", str(head_end.folder))["fingerprint"]
        publish(stack)
        wait_for("Anna's file with both", lambda: anna.boot() == 2)  # noqa: PLR2004 - the old one and the new one
        wait_for("the report of that", lambda: len(missing(stack)) == 1)
    switched_now = "If the head end were switched now, Bert's phone would be locked out: it gives a stranger nothing."
    with story.step(switched_now), head_end.running(second) as stranger:
        ended = bert.connect()
        must(not ended.is_in and stranger.heard == [], f"Bert's phone said {stranger.heard}")
    story.note(f"Bert's phone: {ended.said}")
    with story.step("So the hub refuses to switch, and names Bert's phone."):
        refused = stack.run("vpn", "switch", NAME, "--yes", status=5)
        must(BERT in refused and ANNA not in refused, refused)
    story.note(refused.strip())
    with story.step("Bert's phone boots. Now the hub switches, and the head end gets its files and is restarted."):
        bert.boot()
        wait_for("the report of that", lambda: not missing(stack))
        stack.run("vpn", "switch", NAME, "--yes")
        must(head_end.export() == second, "the export has the old certificate")
    with story.step("Both phones are back with the files that they hold. The old certificate is given up."):
        with head_end.running(second):
            must(anna.connect().is_in and bert.connect().is_in, "a phone is locked out")
            stack.run("vpn", "check", NAME)
        publish(stack)
        wait_for("files with the new certificate alone", lambda: [anna.boot(), bert.boot()] == [1, 1])
        with head_end.running(second):
            must(anna.connect().is_in and bert.connect().is_in, "a phone is locked out")
        with head_end.running(first) as stolen:
            must(not anna.connect().is_in and stolen.heard == [], "who has the old key is believed")


def follow(story: Story, stack: Stack, head_end: HeadEnd) -> None:
    """Have users follow the fleet, and remove a phone."""
    anna, bert = head_end.phones
    second = head_end.export()
    with head_end.running(second):
        with story.step("What runs beside ocserv follows the hub, with a token that may do nothing else."):
            token = stack.ask("access", "create", NAME, "--role", "head-end")["token"]
            follower = _follower(stack, head_end, token)
            wait_for("the follower", lambda: stack.ask("vpn", "show", NAME)["followed_at"])
        with story.step("Bert's phone is removed at the hub. It can't sign in any more."):
            must(bert.connect().is_in, "Bert's phone is out already")
            stack.run("phone", "remove", BERT, "--yes")
            wait_for("the head end to refuse it", lambda: not bert.connect().is_in)
            must(anna.connect().is_in, "Anna's phone is out, too")
        follower.terminate()
        follower.wait(60)


def _follower(stack: Stack, head_end: HeadEnd, token: str) -> "subprocess.Popen[bytes]":
    command = [*RINGFENCE, "vpn", "follow", str(head_end.folder), NAME, "--at", f"127.0.0.1:{head_end.port}"]
    with (stack.folder / "follower.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env={**stack.environment, "RINGFENCE_TOKEN": token})


def missing(stack: Stack) -> list[Json]:
    """Return the phones that were not seen to take the file that is due."""
    return list(stack.ask("vpn", "phones", NAME, "--missing"))


def publish(stack: Stack) -> None:
    """Publish, and wait until the edge has it."""
    stack.ask("publish")
    release = max(row["number"] for row in stack.ask("release", "list", SITE))
    wait_for("the release at the edge", lambda: stack.edge_status().get("release") == release)


def main() -> int:
    """Tell it, and return the exit status."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    story = Story()
    try:
        with running_stack(FOLDER) as stack:
            tell(story, stack)
    except (StoryBroken, RingfenceError) as fault:
        sys.stderr.write(f"It broke: {fault}\n")
        return 1
    shutil.rmtree(FOLDER, ignore_errors=True)
    story.note("The profile changed, and nobody was locked out.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
