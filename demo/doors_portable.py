"""The portable bundle, told as a story: a home without any box, a newer bundle, a neighbour, and a lost file.

Every step is a real command or a real packet: a hub, the program that it writes, in an empty environment, and a virtual
phone. If a result is not what its step says, the story ends with status 1.
"""

import os
import re
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ringfence.errors import EnvironmentFault, RingfenceError
from ringfence.server.errors import FileRefused
from ringfence.server.tftp.client import fetch
from stack import Stack, StoryBroken
from story import Story, must

MAC, MODEL = "00:1B:54:C2:9A:10", "9971"
NAME = "SEP001B54C29A10.cnf.xml"
PASSPHRASE = "correct horse battery staple"  # noqa: S105 - made up
_PATIENCE_S = 60.0


class PortableAtHome:
    """The program as Anna runs it; ``said`` is what she has read."""

    def __init__(self, folder: Path, *words: str) -> None:
        home = folder / "home of Anna"
        home.mkdir(exist_ok=True)
        command = [sys.executable, "-I", "-S", "-X", "utf8", str(folder / "ringfence-portable.pyz"), *words]
        self.said = ""
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--no-browser", "--language", "en"], cwd=home,
            env={"HOME": str(home), "TMPDIR": str(home)}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip

    def reads(self, words: str) -> str:
        """Wait until some words are said, and return the line with them."""
        out = self.process.stdout
        ends = time.monotonic() + _PATIENCE_S
        while words not in self.said:
            ready = select.select([out], [], [], max(0.0, ends - time.monotonic()))[0] if out is not None else []
            data = os.read(out.fileno(), 65536) if ready and out is not None else b""
            must(bool(data), f"the portable does not say {words!r}: {self.said[-300:]}")
            self.said += data.decode()
        return next(line for line in self.said.splitlines() if words in line)

    @property
    def server(self) -> tuple[str, int]:
        """Where it serves."""
        found = re.search(r"At port ([0-9]+) ", self.reads("At port"))
        return ("127.0.0.1", int(found[1]) if found is not None else 0)

    def end(self) -> None:
        """End it, as Ctrl-C does."""
        self.process.terminate()
        self.process.wait(_PATIENCE_S)


def tell(story: Story, stack: Stack) -> None:
    """Tell the story with a hub of its own."""
    folder = stack.folder
    bundle, passphrase = folder / "anna.rfb", folder / "passphrase"
    passphrase.write_text(PASSPHRASE)
    with story.step("A hub has Anna's phone, with its SIP secret. Her home has no box, and will get none."):
        stack.make_hub()
        site = stack.ask("site", "add", "Home of Anna")["id"]
        stack.run("set", "organisation", "sip_server=sip.example.org")
        stack.run("phone", "add", MAC, "--site", site, "--model", MODEL, "--description", "Anna's phone")
        stack.run("line", "set", MAC, "1", "--name", "201", "--label", "Anna")
        secret = stack.ask("line", "password", MAC, "1")["password"]
        stack.ask("publish")
    with story.step("A bundle is made for her phone, and the program that serves it. Both go to her by mail."):
        words = ("--out", str(bundle), "--passphrase-file", str(passphrase), "--name", "Anna")
        made = stack.ask("bundle", "make", MAC, *words)
        stack.run("bundle", "portable", "--out", str(folder / "ringfence-portable.pyz"))
    data = bundle.read_bytes()
    must(not any(word.encode() in data for word in (secret, NAME, "Anna")), "the bundle shows something")
    story.note(f"{len(data):,} bytes, in which neither her name nor her secret is found")
    opens = ("--passphrase-file", str(passphrase))
    with story.step("Anna starts it, types the passphrase, and the address at the phone. The phone takes its file."):
        portable = PortableAtHome(folder, str(bundle), *opens)
        must(secret.encode() in fetch(portable.server, NAME, source_host="127.0.0.2"), "the file lacks the secret")
        read = portable.reads("took its file")
    story.note(read)
    with story.step("A neighbour asks for the same file. He gets nothing, and Anna reads of it."):
        try:
            fetch(portable.server, NAME, source_host="127.0.0.3")
        except FileRefused as refusal:
            story.note(refusal.what)
        else:
            must(False, "the neighbour got it")
        story.note(portable.reads("second device"))
    with story.step("She ends it. On her computer stays one number, and nothing else."):
        portable.end()
        kept = [path for path in (folder / "home of Anna").rglob("*") if path.is_file()]
        must([path.name for path in kept] == ["taken.json"], f"there is more: {kept}")
    story.note(kept[0].read_text())
    _newer(story, stack, bundle, opens, made)
    _lost(story, stack, bundle, folder, made)


def _newer(story: Story, stack: Stack, bundle: Path, opens: tuple[str, ...], made: dict[str, str]) -> None:
    old = bundle.with_name("old.rfb")
    old.write_bytes(bundle.read_bytes())
    password = bundle.with_name("password")
    password.write_text(made["download_password"])
    with story.step("Her line is renamed. With --watch the program fetches the newer bundle, checks it and serves it."):
        stack.run("line", "set", MAC, "1", "--label", "Anna at home")
        stack.ask("publish")
        watch = ("--watch", f"{stack.people_url}/portable.rfb", "--download-password-file", str(password))
        portable = PortableAtHome(stack.folder, str(bundle), *opens, *watch)
        read = portable.reads("newer bundle has come")
        must(b"Anna at home" in fetch(portable.server, NAME), "the phone gets the old file")
        portable.end()
    story.note(read)
    with story.step("Somebody brings the old file back. It is refused."):
        portable = PortableAtHome(stack.folder, str(old), *opens)
        read = portable.reads("has had number")
        must(portable.process.wait(_PATIENCE_S) == 8, "it ends with another code")  # noqa: PLR2004 - refused content
    story.note(read)


def _lost(story: Story, stack: Stack, bundle: Path, folder: Path, made: dict[str, str]) -> None:
    wrong = folder / "guess"
    wrong.write_text("correct horse battery")
    with story.step("The file is lost, and whoever finds it guesses. It does not open."):
        portable = PortableAtHome(folder, str(bundle), "--passphrase-file", str(wrong))
        read = portable.reads("does not open")
        portable.process.wait(_PATIENCE_S)
    story.note(read)
    with story.step("The bundle is revoked: its password fetches nothing newer."):
        stack.run("bundle", "revoke", made["id"], "--yes")
        (folder / "password").write_text(made["download_password"])
        portable = PortableAtHome(
            folder, str(folder / "new.rfb"), "--passphrase-file", str(folder / "passphrase"), "--watch",
            f"{stack.people_url}/portable.rfb", "--download-password-file", str(folder / "password"),
        )  # fmt: skip
        read = portable.reads("gives out no bundle")
        portable.process.wait(_PATIENCE_S)
    story.note(read)


def main() -> int:
    """Tell the story; the exit status is 1 where it does not come out as told."""
    with tempfile.TemporaryDirectory() as name:
        stack = Stack(Path(name))
        try:
            tell(Story(), stack)
        except StoryBroken as broken:
            sys.stderr.write(f"The story breaks: {broken}\n")
            return 1
        except RingfenceError as fault:
            sys.stderr.write(f"The story breaks: {fault}\n")
            return EnvironmentFault.exit_code
        finally:
            stack.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
