"""Files that every phone of a site may fetch hold no secret: that is seen in their content, not in their names.

A file is looked into for every secret of the fleet (``known_secrets``). One that an own template makes is rendered once
more, for the same phone with other secrets of the same length: if the file differs, a secret goes into it, however
short it is and whatever the template makes of it. Built-in templates need no second rendering: tests do it for all.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial

from sqlalchemy.orm import Session

from ringfence.content.digests import Digest, sha256_hex
from ringfence.content.release import Target
from ringfence.errors import BadInput
from ringfence.hub.data.blob_store import BlobStore
from ringfence.hub.data.sealing import Sealer
from ringfence.hub.errors import SecretWouldBeShared
from ringfence.hub.publishing.known_secrets import KnownSecrets
from ringfence.phones.families import model as model_of
from ringfence.phones.rendering.render_input import PhoneToRender, decoys_of
from ringfence.phones.rendering.renderer import RenderedFile

Render = Callable[[PhoneToRender], Sequence[RenderedFile]]

_SAID = "this file is for all phones of its site, and holds "
_TO_DO = (
    "Write {MAC} or {mac} into the file's name, so that each phone has its own, or take the secret out; "
    "if it only looks like one, change the secret."
)


class SharedFiles:
    """The check of one site's shared files; each content is looked into once."""

    def __init__(self, known: KnownSecrets, render: Render, own_templates: Collection[str]) -> None:
        self._known, self._render, self._own = known, render, own_templates
        self._clean: set[tuple[str, str]] = set()
        self.refused: set[str] = set()
        """The names of files that held a secret."""

    def check(self, phone: PhoneToRender, files: Sequence[RenderedFile]) -> None:
        """Raise SecretWouldBeShared if one of a phone's files is for all phones and holds a secret; it is named."""
        for file in files:
            key = (file.name, sha256_hex(file.data))
            if file.owner is not None or key in self._clean:
                continue
            owner = self._known.owner_in(file.data) or self._of_phone(phone, file)
            if owner is not None:
                self.refused.add(file.name)
                raise SecretWouldBeShared(
                    _SAID + owner, where=f"template {file.template}; file {file.name}; phone {phone.mac}", to_do=_TO_DO
                )
            self._clean.add(key)

    def owner_in(self, target: Target, read: Callable[[], bytes]) -> str | None:
        """Return whose secret a file holds that is for all phones, and was not rendered just now; None for none."""
        if (target.name, target.digest) in self._clean:
            return None
        return self._known.owner_in_blob(target.digest, target.length, read)

    def _of_phone(self, phone: PhoneToRender, file: RenderedFile) -> str | None:
        if model_of(phone.model)[0].id not in self._own:
            return None
        return next((f"{what} of phone {phone.mac}" for what in self._differing(phone, file)), None)

    def _differing(self, phone: PhoneToRender, file: RenderedFile) -> Iterator[str]:
        """Yield which of the phone's secrets change the file."""
        decoys = decoys_of(phone)
        if not decoys or not self._differs(decoys.pop("secrets"), file):
            return
        yield from (what for what, decoy in decoys.items() if self._differs(decoy, file))
        yield "secrets"

    def _differs(self, decoy: PhoneToRender, file: RenderedFile) -> bool:
        try:
            made = {each.name: each.data for each in self._render(decoy) if each.owner is None}
        except BadInput:
            return True
        return made.get(file.name) != file.data


def refusal(site_id: str, target: Target, owner: str) -> SecretWouldBeShared:
    """Return why a file that nobody rendered just now is not published."""
    return SecretWouldBeShared(
        _SAID + owner, where=f"file {target.name} of site {site_id}",
        to_do="Remove it where it was uploaded, or correct its template, and give the secret's owner a new one.",
    )  # fmt: skip


def require_no_secret(session: Session, sealer: Sealer, blobs: BlobStore, files: Iterable[tuple[str, Digest]]) -> None:
    """Raise SecretWouldBeShared if an upload, by its name and digest, holds a secret of the fleet.

    Raises:
        SecretWouldBeShared: As said; the file and the secret's owner are named.
        BlobUnavailable: A file can't be read.
    """
    known = KnownSecrets.of_fleet(session, sealer).open()
    for name, digest in files:
        owner = known.owner_in_blob(digest, blobs.size_bytes(digest), partial(blobs.get, digest))
        if owner is not None:
            to_do = "Take the secret out of it, and give its owner a new one if others have seen the file."
            raise SecretWouldBeShared(_SAID + owner, where=f"file {name}", to_do=to_do)
