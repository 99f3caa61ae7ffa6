"""A firmware bundle: what it holds, whether it is whole, and its files on the way to a hub."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator

from ringfence.archives import Member
from ringfence.imports.errors import BundleIncomplete
from ringfence.imports.hub_requests import HubRequests, Json
from ringfence.phones.filenames import is_loads
from ringfence.phones.firmware.bundles import Bundle
from ringfence.phones.firmware.loads import LARGEST_BYTES

CHUNK_BYTES = 1 << 20


def collect(found: Iterable[Member], where: str) -> tuple[dict[str, int], dict[str, bytes]]:
    """Return the sizes of a bundle's files, and the bytes of its .loads files, both by name.

    Raises:
        BundleIncomplete: It has two different files of one name.
    """
    sizes: dict[str, int] = {}
    lists: dict[str, bytes] = {}
    for member in found:
        if member.name in sizes and sizes[member.name] != member.size_bytes:
            raise BundleIncomplete(
                f"it holds two different files called {member.name}",
                where=where,
                to_do="Import the folder of one model at a time.",
            )
        sizes[member.name] = member.size_bytes
        if is_loads(member.name):
            with member.open() as opened:
                lists[member.name] = opened.read(LARGEST_BYTES + 1)
    return sizes, lists


def check_whole(bundle: Bundle, where: str) -> None:
    """Raise BundleIncomplete unless a bundle has a load and every file that its loads name."""
    if not bundle.loads:
        raise BundleIncomplete(
            "it holds no .loads file and no other firmware that is known",
            where=where,
            to_do="Check that it is a firmware bundle.",
        )
    missing = sorted({name for load in bundle.loads for name in load.missing})
    if missing:
        raise BundleIncomplete(
            f"missing or wrong, of the files that its loads name: {', '.join(missing)}",
            where=where,
            to_do="Get the complete bundle; phones would stop half-way.",
        )


def wanted_of(bundle: Bundle, lists: Collection[str]) -> set[str]:
    """Return the names of a bundle's files that its loads need."""
    wanted = {each.found for load in bundle.loads for each in load.wanted if each.found} | set(lists)
    return wanted | {name for load in bundle.loads for name in load.companions}


def bring_members(
    client: HubRequests,
    found: Iterable[Member],
    wanted: Collection[str],
    on_bytes: Callable[[int], None] = lambda _count: None,
) -> list[Json]:
    """Upload the members with these names that the hub lacks; return names, digests and lengths of all of them.

    ``on_bytes`` is told of each part that is done.
    """
    files: dict[str, Json] = {}
    for member in found:
        if member.name in wanted and member.name not in files:
            digest = _digest(member)
            if client.get(f"/uploads/{digest}")["here"]:
                on_bytes(member.size_bytes)
            else:
                client.upload(f"/uploads/{digest}", _parts(member, on_bytes))
            files[member.name] = {"name": member.name, "digest": digest, "length": member.size_bytes}
    return list(files.values())


def _digest(member: Member) -> str:
    hashed = hashlib.sha256()
    with member.open() as opened:
        while part := opened.read(CHUNK_BYTES):
            hashed.update(part)
    return hashed.hexdigest()


def _parts(member: Member, on_bytes: Callable[[int], None]) -> Iterator[bytes]:
    with member.open() as opened:
        while part := opened.read(CHUNK_BYTES):
            yield part
            on_bytes(len(part))
