"""Looks at the hub for a newer bundle now and then: by HTTPS, with a password, verified before anything is replaced."""

import base64
import http.client
import os
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ringfence.portable import bundle as bundles
from ringfence.portable.age_identity import Identity
from ringfence.portable.bundle import Ask, OpenBundle
from ringfence.portable.errors import (
    BundleRefused,
    DownloadRefused,
    HubOutOfReach,
    PortableFault,
    UnreadableBundle,
)
from ringfence.portable.primitives import Primitives
from ringfence.printable import printable
from ringfence.secret import Secret

TIMEOUT_S = 30.0
_PART_BYTES = 64 * 1024
_NOT_MODIFIED = 304
_REFUSALS = frozenset({401, 403, 404, 410})
_LONGEST_WHY = 200


@dataclass(frozen=True, slots=True)
class HubKeys:
    """What a portable knows of its hub: its signatures' key, and its address's CA in PEM (empty: a public one)."""

    signing: bytes
    authority: str = ""


@dataclass(slots=True)
class Source:
    """Where newer bundles come from."""

    url: str
    user: str
    password: Secret = field(repr=False)
    authority: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" or not parts.hostname or parts.username is not None:
            raise UnreadableBundle("not-https")

    def fetch(self, to: Path, known: int) -> bool:
        """Download what is newer than the known number into a file; return whether there is something.

        Raises:
            HubOutOfReach: The hub does not answer, or not as it should.
            DownloadRefused: It gives nothing out for this password.
        """
        token = base64.b64encode(f"{self.user}:{self.password.reveal()}".encode()).decode()
        headers = {
            "Authorization": f"Basic {token}",
            "If-None-Match": f'"{known}"',
            "User-Agent": "ringfence-portable",
        }
        request = urllib.request.Request(self.url, headers=headers)  # noqa: S310 - the scheme was checked
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=_context(self.authority)), _NoRedirects()
        )
        try:
            with opener.open(request, timeout=TIMEOUT_S) as answer:
                _keep(answer, to)
        except urllib.error.HTTPError as fault:
            with fault:
                if fault.code == _NOT_MODIFIED:
                    return False
                why = f"HTTP {fault.code}"
            if fault.code in _REFUSALS:
                raise DownloadRefused("hub-refused", why=why) from None
            raise HubOutOfReach("hub-away", why=why) from None
        except (OSError, http.client.HTTPException, ValueError) as fault:
            reason = getattr(fault, "reason", fault)
            raise HubOutOfReach("hub-away", why=printable(str(reason), _LONGEST_WHY)) from None
        return True


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirection is an error: the password is for one address."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow nothing."""


def _context(authority: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _keep(answer: http.client.HTTPResponse, to: Path) -> None:
    size = 0
    with to.open("wb") as file:
        while part := answer.read(_PART_BYTES):
            size += len(part)
            if size > bundles.LARGEST_FILE_BYTES:
                raise HubOutOfReach("too-long")
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def fetch_newer(
    source: Source,
    file: Path,
    current: OpenBundle | None,
    opener: Identity | Ask,
    hub: HubKeys,
    primitives: Primitives,
    now: float,
) -> tuple[Path, OpenBundle] | None:
    """Download a newer bundle beside ``file`` and open it; None if there is none. It holds ciphertext alone.

    Raises:
        PortableFault: It could not be fetched, or is not a good one of the same line; nothing is left of it.
    """
    new = file.with_name(f"{file.name}.new")
    try:
        if not source.fetch(new, current.manifest.number if current is not None else 0):
            return None
        found = bundles.open_bundle(new, opener, hub.signing, primitives)
        try:
            bundles.check_time(found.manifest, now)
            if current is not None:
                _check_follows(found, current)
        except BaseException:
            found.close()
            raise
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return new, found


def _check_follows(found: OpenBundle, current: OpenBundle) -> None:
    if found.manifest.bundle != current.manifest.bundle:
        raise BundleRefused("foreign")
    if found.manifest.number <= current.manifest.number:
        raise BundleRefused("older", number=found.manifest.number, newest=current.manifest.number)


class Watcher:
    """Looks every so often, in a thread of its own; the server takes what it found between two transfers."""

    def __init__(self, look: Callable[[], tuple[Path, OpenBundle] | None], every_s: float) -> None:
        """``look`` fetches once, or raises a PortableFault."""
        self._look, self._every_s = look, every_s
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._found: tuple[Path, OpenBundle] | None = None
        self._fault: PortableFault | None = None
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin; the first look is at once."""
        self._thread.start()

    def take(self) -> tuple[Path, OpenBundle] | None:
        """Return what was found since, once."""
        with self._lock:
            found, self._found = self._found, None
            return found

    def take_fault(self) -> PortableFault | None:
        """Return what went wrong since, once."""
        with self._lock:
            fault, self._fault = self._fault, None
            return fault

    def stop(self) -> None:
        """Look no more; what was found and not taken is removed."""
        self._stop.set()
        if (found := self.take()) is not None:
            found[1].close()
            found[0].unlink(missing_ok=True)

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                is_waiting = self._found is not None
            if not is_waiting:
                self._look_once()
            self._stop.wait(self._every_s)

    def _look_once(self) -> None:
        try:
            found = self._look()
        except PortableFault as fault:
            with self._lock:
                self._fault = fault
            return
        except OSError as fault:
            with self._lock:
                self._fault = HubOutOfReach("hub-away", why=printable(str(fault), _LONGEST_WHY))
            return
        with self._lock:
            self._found = found
