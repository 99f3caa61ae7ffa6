"""The folders of a gateway's sites: ``sites/<site's id>``, each an edge's; and how one more is enrolled."""

import contextlib
import secrets
import shutil
from pathlib import Path

from ringfence.edge.agent.enrolment import enrol
from ringfence.edge.errors import AlreadyEnrolled, FolderBroken, FolderInUse, NotEnrolled
from ringfence.edge.storage.disk import Disk, disk_faults
from ringfence.edge.storage.folder import EdgeFolder, Enrolment

SITES = "sites"
_ENROLLING = ".enrolling-"
_REPLACED = ".replaced-"


def site_names(root: Path) -> list[str]:
    """Return the names of a gateway's site folders, sorted; what is in them is not looked at.

    Raises:
        DiskFault: The machine does not tell.
    """
    return [name for name in Disk().names(root / SITES) if not name.startswith(".")]


def site_folder(root: Path, name: str) -> EdgeFolder:
    """Return one site's folder."""
    path = root / SITES / name
    return EdgeFolder(path, Disk())


def require_sites(root: Path) -> None:
    """Check that a gateway has a site to serve.

    Raises:
        NotEnrolled: It has none.
        DiskFault: The machine does not tell.
    """
    if not site_names(root):
        raise NotEnrolled(
            "this gateway is not enrolled at any site",
            where=str(root),
            to_do="Allow it at a site: ringfence guard policy SITE --gateway windows. Create a token: ringfence site "
            "token SITE. Then: ringfence gateway enrol TOKEN --folder FOLDER.",
        )


def require_folder(folder: EdgeFolder) -> None:
    """Check that a site's folder is a folder.

    Raises:
        FolderBroken: It is something else.
        DiskFault: The machine can't tell.
    """
    with disk_faults(folder.path):
        if folder.path.exists() and not folder.path.is_dir():
            raise FolderBroken("this is not the folder of a site", where=str(folder.path), to_do="Remove it.")


def require_site(folder: EdgeFolder) -> Enrolment:
    """Return the gateway's identity at a site, from the folder that is named by the site's id.

    Raises:
        FolderBroken: It is not a folder, or belongs to another site.
        NotEnrolled: It is empty, because it was wiped or its enrolment was interrupted.
        DiskFault: The machine can't read it.
    """
    require_folder(folder)
    try:
        enrolment = folder.enrolment()
    except NotEnrolled:
        raise NotEnrolled(
            "this site's folder is empty: it was wiped, or never enrolled",
            where=str(folder.path),
            to_do="Enrol it with a new token (ringfence site token SITE, ringfence gateway enrol TOKEN), or remove it.",
        ) from None
    if enrolment.site_id != folder.path.name:
        raise FolderBroken(
            f"this folder is enrolled at site {enrolment.site_id}, but its name is that of another",
            where=str(folder.path),
            to_do=f"Rename it to {enrolment.site_id}, or remove it.",
        )
    return enrolment


def join(root: Path, token_text: str) -> Enrolment:
    """Enrol a gateway at one more site, or again at a site whose folder no longer contains an edge.

    Anything in such a site's folder is removed: the rest of a wipe, and unreadable files.

    Raises:
        AlreadyEnrolled: The gateway serves that site already.
        FolderInUse: A process uses the site's folder.
        BadToken, WrongAuthority, HubRefused, HubUnreachable, BadCertificate, ContentRefused, DiskFull, DiskFault: As
            ``enrol``.
    """
    sites = root / SITES
    Disk().make_folder(sites)
    _remove_leftovers(sites)
    place = sites / f"{_ENROLLING}{secrets.token_hex(4)}"
    try:
        found = enrol(EdgeFolder(place, Disk()), token_text)
        _put_in_place(place, site_folder(root, found.site_id), found)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return found


def _put_in_place(place: Path, site: EdgeFolder, found: Enrolment) -> None:
    old = site.path.with_name(f"{_REPLACED}{secrets.token_hex(4)}")
    with contextlib.ExitStack() as held:
        if site.path.is_dir():
            held.enter_context(site.lock())
            with contextlib.suppress(NotEnrolled, FolderBroken):
                require_site(site)
                raise AlreadyEnrolled(
                    f"this gateway already serves site {found.site_name}",
                    where=str(site.path),
                    to_do=f"Revoke the new one at the hub: ringfence edge revoke {found.edge_id}. To replace the one "
                    "that is there, revoke that one, remove its folder, and enrol again.",
                )
        with disk_faults(site.path):
            if site.path.exists():
                site.path.rename(old)
            place.rename(site.path)
    if old.is_dir():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink(missing_ok=True)


def _remove_leftovers(sites: Path) -> None:
    """Remove what enrolments that were cut short have left."""
    for path in sites.iterdir():
        if not path.name.startswith((_ENROLLING, _REPLACED)):
            continue
        with contextlib.suppress(FolderInUse), EdgeFolder(path, Disk()).lock():
            shutil.rmtree(path, ignore_errors=True)
