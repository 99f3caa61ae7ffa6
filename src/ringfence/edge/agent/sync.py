"""From the hub's newest metadata to a whole, verified release on disk.

The order is the TUF specification's client workflow (1.0.34, section 5.3); a candidate set is updated beside the
trusted one, every missing blob is fetched and verified, and only then is anything replaced. Any fault leaves what was
there.
"""

import math
import time
from dataclasses import dataclass

from ringfence.content.errors import BadSignature, EndlessData, Frozen, MixAndMatch
from ringfence.content.release import Release, Target
from ringfence.content.trust import (
    LARGEST_ROOT_BYTES,
    LARGEST_SNAPSHOT_BYTES,
    LARGEST_TARGETS_BYTES,
    LARGEST_TIMESTAMP_BYTES,
    TrustedMetadata,
)
from ringfence.edge.agent.hub_client import HubClient
from ringfence.edge.storage.cache import Cache
from ringfence.errors import RingfenceError
from ringfence.wire.messages import Progress

TELL_EVERY_S = 2.0
"""How often the hub is told how far a release is."""
MOST_ROOTS = 64
"""How many new roots one refresh walks through; a chain that goes on is endless data."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A successful refresh: what is trusted now, whether the release changed, and what was fetched for it."""

    trusted: TrustedMetadata
    release: Release | None
    is_new: bool
    fetched_files: int = 0
    fetched_bytes: int = 0


def update_roots(client: HubClient, cache: Cache, trusted: TrustedMetadata) -> TrustedMetadata:
    """Return ``trusted`` with the newest root that the hub has; each is kept as soon as it is verified.

    Raises:
        ContentRefused: The hub offers a root that fails a check; those before it are kept.
        HubUnreachable, HubRefused: The hub did not answer.
        DiskFull, DiskFault: It can't be written.
    """
    candidate = trusted.candidate()
    for _ in range(MOST_ROOTS):
        data = client.metadata(f"{candidate.root_version + 1}.root.json", LARGEST_ROOT_BYTES)
        if data is None:
            return candidate
        candidate.update_root(data)
        cache.keep_root(candidate)
    raise EndlessData(f"the hub offers more than {MOST_ROOTS} new roots", to_do="The last good release stays in use.")


def refresh(client: HubClient, cache: Cache, trusted: TrustedMetadata, now: float) -> Refreshed:
    """Bring the edge to the hub's newest release; the root must be the newest (``update_roots``).

    Args:
        client: The way to the hub.
        cache: Where verified blobs and the current release are kept.
        trusted: What is trusted now; it is not changed.
        now: The hub's time, in Unix seconds.

    Raises:
        ContentRefused: The hub offers what fails a check; the last good release stays.
        HubUnreachable, HubRefused: The hub did not give it; what came is kept for the next time.
        DiskFull, DiskFault: It can't be written; the last good release stays.
    """
    candidate = trusted.candidate()
    data = client.metadata("timestamp.json", LARGEST_TIMESTAMP_BYTES)
    if data is None:
        return _nothing_published(trusted)
    try:
        is_newer = candidate.update_timestamp(data, now)
    except BadSignature:
        candidate, data = _after_a_change_of_keys(client, cache, trusted)
        is_newer = candidate.update_timestamp(data, now)
    before = trusted.release
    if not is_newer and before is not None:
        fetched = _fetch_missing(client, cache, before)
        return Refreshed(trusted, before, is_new=fetched[0] > 0, fetched_files=fetched[0], fetched_bytes=fetched[1])
    snapshot = candidate.snapshot_meta
    candidate.update_snapshot(
        _named(client, f"{snapshot.version}.snapshot.json", snapshot.length or LARGEST_SNAPSHOT_BYTES), now
    )
    targets = candidate.targets_meta
    release = candidate.update_targets(
        _named(client, f"{targets.version}.targets.json", targets.length or LARGEST_TARGETS_BYTES), now
    )
    files, size = _fetch_missing(client, cache, release)
    cache.commit(candidate, now)
    return Refreshed(candidate, release, is_new=release != before or files > 0, fetched_files=files, fetched_bytes=size)


def _after_a_change_of_keys(client: HubClient, cache: Cache, trusted: TrustedMetadata) -> tuple[TrustedMetadata, bytes]:
    """Return trust in a root that the hub has signed since it was asked for one, with the timestamp of now.

    Raises:
        BadSignature: There is none, or it names other addresses, which are looked at first.
    """
    newer = update_roots(client, cache, trusted)
    data = client.metadata("timestamp.json", LARGEST_TIMESTAMP_BYTES)
    if newer.root_version == trusted.root_version or newer.hub != trusted.hub or data is None:
        raise  # noqa: PLE0704 - what the caller has met
    return newer, data


def _nothing_published(trusted: TrustedMetadata) -> Refreshed:
    if trusted.release is not None:
        raise Frozen(
            "the hub says that this site has no release, but this edge already trusts one",
            to_do="The last good release stays in use. Was the hub's data restored from an old backup?",
        )
    return Refreshed(trusted, None, is_new=False)


def _named(client: HubClient, name: str, largest_bytes: int) -> bytes:
    data = client.metadata(name, largest_bytes)
    if data is None:
        raise MixAndMatch(
            f"the hub names {name} but does not have it",
            to_do="The last good release stays in use; the edge will try again by itself.",
        )
    return data


class _Teller:
    """Tells the hub now and then how far a release is. Best effort: a hub that is away or older hinders nothing."""

    def __init__(self, client: HubClient, release: int, total_bytes: int) -> None:
        self._client, self._release, self._total_bytes = client, release, total_bytes
        self._done_bytes = 0
        self._due_at = time.monotonic() + TELL_EVERY_S

    def advance(self, count: int) -> None:
        """Note that ``count`` more bytes arrived, and report the progress when it is due."""
        self._done_bytes += count
        if time.monotonic() < self._due_at:
            return
        try:
            self._client.tell_progress(Progress(self._release, self._done_bytes, self._total_bytes))
        except RingfenceError:
            self._due_at = math.inf  # this hub does not want to know
        else:
            self._due_at = time.monotonic() + TELL_EVERY_S


def _fetch_missing(client: HubClient, cache: Cache, release: Release) -> tuple[int, int]:
    cache.make_room_for(release)
    missing = cache.missing(release)
    teller = _Teller(client, release.number, sum(target.length for target in missing))
    return len(missing), sum(_fetch(client, cache, target, teller) for target in missing)


def _fetch(client: HubClient, cache: Cache, target: Target, teller: _Teller) -> int:
    """Fetch one blob, going on where a cut download ended; return how many bytes came over the network."""
    have = cache.resume_at(target)
    teller.advance(have)
    came = 0
    if have < target.length:
        part = client.blob(target.digest, have)
        if part.offset != have or not have:
            cache.begin(target)
            have = 0
        for chunk in part.chunks:
            came += len(chunk)
            if have + came > target.length:
                cache.begin(target)
                raise EndlessData(
                    f"{target.name} is longer than the {target.length} bytes that its release names",
                    to_do="The last good release stays in use.",
                )
            teller.advance(len(chunk))
            cache.add_part(target, chunk)  # kept even if the next chunk never comes: the next try goes on from here
    cache.finish(target)
    return came
