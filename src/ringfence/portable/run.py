"""``ringfence-portable FILE``: opens a bundle, serves its phones, says what happens, and ends."""

import contextlib
import os
import signal
import sys
import time
import webbrowser
from pathlib import Path

from ringfence.errors import RingfenceError
from ringfence.portable import bundle as bundles
from ringfence.portable import options as command_line
from ringfence.portable import taken, words
from ringfence.portable.age_identity import Identity
from ringfence.portable.bundle import Ask, OpenBundle
from ringfence.portable.desk import Desk
from ringfence.portable.errors import BundleRefused, PortableFault, UnreadableBundle
from ringfence.portable.journal import HomeEvent, HomeJournal, name_of
from ringfence.portable.network import HardwareTable, own_addresses
from ringfence.portable.options import Options
from ringfence.portable.page import HomePage, PageFacts, menus_of
from ringfence.portable.primitives import Primitives, best
from ringfence.portable.taken import TakenNumbers
from ringfence.portable.transfers import TFTP_PORT, Transfers
from ringfence.portable.watching import HubKeys, Source, Watcher, fetch_newer

QUIET_S = 600.0
"""How long nobody may have asked, after every phone has its file, until it ends."""
_ADDRESSES_S = 30.0


def main(arguments: list[str], hub: HubKeys) -> int:
    """Run the portable; return what the process ends with (docs/exit-codes.md)."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a stream of a test
            stream.reconfigure(errors="replace", line_buffering=True)  # type: ignore[union-attr] # of a text file
    asked = command_line.parse(arguments)
    for told in (signal.SIGTERM, signal.SIGINT):
        signal.signal(told, signal.default_int_handler)
    try:
        return _run(asked, hub, best(), taken.of_this_user())
    except PortableFault as fault:
        _complain(fault.in_language(asked.language))
        return fault.exit_code
    except RingfenceError as fault:
        _complain(str(fault))
        return fault.exit_code
    except KeyboardInterrupt:
        return 130


def _run(asked: Options, hub: HubKeys, primitives: Primitives, numbers: TakenNumbers) -> int:
    opener = asked.opener()
    source = None
    if asked.watch is not None:
        source = Source(asked.watch, asked.user, asked.download_password(), hub.authority)
    bundle = _first(asked, hub, primitives, source, opener)
    try:
        bundles.check_time(bundle.manifest, time.time())
        if asked.only_inspects:
            _inspect(bundle, asked)
            return 0
        _take(bundle, numbers, asked)
        home = Home(asked, hub, primitives, bundle, source, numbers)
    except BaseException:
        bundle.close()
        raise
    return home.run()


def _first(
    asked: Options, hub: HubKeys, primitives: Primitives, source: Source | None, opener: Identity | Ask
) -> OpenBundle:
    """Open the bundle, or fetch it where there is none yet."""
    if asked.file.exists():
        return bundles.open_bundle(asked.file, opener, hub.signing, primitives)
    if source is None:
        raise UnreadableBundle("no-file-yet", file=asked.file)
    found = fetch_newer(source, asked.file, None, opener, hub, primitives, time.time())
    if found is None:
        raise UnreadableBundle("no-file-yet", file=asked.file)
    return _in_place(found, asked, hub, primitives)


def _in_place(found: tuple[Path, OpenBundle], asked: Options, hub: HubKeys, primitives: Primitives) -> OpenBundle:
    """Give a downloaded bundle its name; it is closed meanwhile, as Windows moves no open file."""
    new, bundle = found
    bundle.close()
    try:
        new.replace(asked.file)
    except OSError as fault:
        new.unlink(missing_ok=True)
        raise UnreadableBundle("unreadable", where=str(asked.file), why=fault.strerror or "") from None
    return bundles.open_bundle(asked.file, bundle.opener, hub.signing, primitives)


def _take(bundle: OpenBundle, numbers: TakenNumbers, asked: Options) -> None:
    """Refuse a bundle that is older than one that was taken here, and remember this one."""
    number = bundle.manifest.number
    try:
        newest = numbers.highest(bundle.manifest.bundle)
        if number < newest:
            raise BundleRefused("older", number=number, newest=newest)
        numbers.note(bundle.manifest.bundle, number)
    except OSError as fault:
        _say(asked, "not-remembered", why=fault.strerror or str(fault))


class Home:
    """One home served from one bundle, until there is a reason to end."""

    def __init__(
        self,
        asked: Options,
        hub: HubKeys,
        primitives: Primitives,
        bundle: OpenBundle,
        source: Source | None,
        numbers: TakenNumbers,
    ) -> None:
        self._asked, self._hub, self._primitives, self._numbers = asked, hub, primitives, numbers
        self._bundle, self._source = bundle, source
        self._journal = HomeJournal(self._show)
        self._heard_at = time.monotonic()
        desk = Desk(bundle.manifest, asked.phone_addresses)
        self._transfers = Transfers(bundle, desk, HardwareTable(), self._journal.hear)
        self._addresses: tuple[float, list[str]] = (0.0, [])
        self._watcher = Watcher(self._look, asked.every_s) if source is not None else None

    def run(self) -> int:
        """Serve until the phones have their files, the bundle expires, or somebody ends it."""
        asked = self._asked
        with contextlib.ExitStack() as ending:
            ending.callback(self._close_bundle)
            ending.callback(self._transfers.close)
            port = self._transfers.listen(asked.address, asked.port)
            self._introduce(port)
            if asked.shows_page:
                page = HomePage(
                    lambda: PageFacts(self._bundle.manifest, self._own_addresses()), self._journal, asked.language
                )
                ending.callback(page.close)
                _say(asked, "page", url=page.url)
                if asked.opens_browser and not _is_root():
                    webbrowser.open(page.url)
            if self._watcher is not None:
                ending.callback(self._watcher.stop)
                self._watcher.start()
            _say(asked, "waiting")
            try:
                reason = self._until_over()
            except KeyboardInterrupt:
                reason = "ended-stopped"
        _say(asked, reason)
        return 0

    def _page_facts(self) -> PageFacts:
        return PageFacts(self._bundle.manifest, self._own_addresses())

    def _close_bundle(self) -> None:
        self._bundle.close()  # the one that is in use by then

    def _until_over(self) -> str:
        while True:
            self._transfers.turn(time.monotonic)
            if self._watcher is not None:
                self._take_newer(self._watcher)
            if time.time() >= self._bundle.manifest.expires_at:
                return "ended-expired"
            is_quiet = time.monotonic() >= self._heard_at + QUIET_S and not self._transfers.count
            if not self._asked.keeps_on and is_quiet and self._journal.has_all(self._bundle.manifest):
                return "ended-done"

    def _introduce(self, port: int) -> None:
        asked = self._asked
        _say(asked, "opened", **_about(self._bundle, asked))
        addresses = self._own_addresses()
        if addresses:
            for sentence in menus_of(self._bundle.manifest, asked.language):
                _print(sentence)
            _say(asked, "type-address", addresses=" / ".join(addresses))
        else:
            _say(asked, "no-address")
        if port != TFTP_PORT:
            _say(asked, "port-differs", port=port)

    def _own_addresses(self) -> list[str]:
        if self._asked.address != "0.0.0.0":  # noqa: S104 - compared
            return [self._asked.address]
        now = time.monotonic()
        if now >= self._addresses[0]:
            self._addresses = (now + _ADDRESSES_S, own_addresses())
        return self._addresses[1]

    def _show(self, entry: HomeEvent) -> None:
        self._heard_at = time.monotonic()
        _print(entry.sentence(self._asked.language))

    def _look(self) -> tuple[Path, OpenBundle] | None:
        current, source = self._bundle, self._source
        if source is None:
            return None
        return fetch_newer(source, self._asked.file, current, current.opener, self._hub, self._primitives, time.time())

    def _take_newer(self, watcher: Watcher) -> None:
        if (fault := watcher.take_fault()) is not None:
            _say(self._asked, "watch-failed", why=fault.in_language(self._asked.language))
        if self._transfers.count or (found := watcher.take()) is None:
            return
        self._bundle.close()
        try:
            self._bundle = _in_place(found, self._asked, self._hub, self._primitives)
        except PortableFault as fault:
            self._bundle = bundles.open_bundle(self._asked.file, found[1].opener, self._hub.signing, self._primitives)
            self._transfers.swap(self._bundle)
            _say(self._asked, "watch-failed", why=fault.in_language(self._asked.language))
            return
        self._transfers.swap(self._bundle)
        _take(self._bundle, self._numbers, self._asked)
        _say(self._asked, "newer", **_about(self._bundle, self._asked))


def _about(bundle: OpenBundle, asked: Options) -> dict[str, object]:
    manifest = bundle.manifest
    return {
        "phones": words.joined(asked.language, [name_of(phone, asked.language) for phone in manifest.phones]),
        "number": manifest.number, "made": bundles.day(manifest.made_at), "expires": bundles.day(manifest.expires_at),
    }  # fmt: skip


def _inspect(bundle: OpenBundle, asked: Options) -> None:
    _say(asked, "opened", **_about(bundle, asked))
    for file in bundle.manifest.files:
        _print(f"{file.length:>12,}  {file.name}")


def _say(asked: Options, key: str, **values: object) -> None:
    _print(words.say(asked.language, key, **values))


def _print(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def _complain(sentence: str) -> None:
    sys.stderr.write(f"ringfence-portable: {sentence}\n")


def _is_root() -> bool:
    """Return whether a browser had better not be opened: its pages would be root's."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
