"""``ringfence software``: make and sign archives of the edge's own software, on a machine that needs no network."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.errors import CanNotWrite, FileExists
from ringfence.cli.support.files import read_bytes, read_text
from ringfence.cli.support.output import AsJson

app = typer.Typer(
    help="The edge's own software: archives for its slots, signed by a key of their own.", no_args_is_help=True
)

Archive = Annotated[Path, typer.Argument(metavar="FILE", help="The archive, as `ringfence software pack` made it.")]


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a new file. FileExists, CanNotWrite."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
            file.write(data)
    except FileExistsError:
        raise FileExists("this file exists already", where=str(path), to_do="Choose another, or remove it.") from None
    except OSError as fault:
        raise CanNotWrite(f"this file can't be written: {fault.strerror}", where=str(path)) from None


@app.command("new-key")
def new_key(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where the private key goes; the public one is FILE.pub.")
    ],
    as_json: AsJson = False,
) -> None:
    """Make a key for signing the edge's software; keep it off the hub, best on a machine without network.

    Example: ringfence software new-key software-key
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from ringfence.content.software import new_software_key

    made = new_software_key(Ed25519PrivateKey.generate())
    public = path.with_name(path.name + ".pub")
    _write(path, made.private_pem.reveal().encode(), 0o600)
    _write(public, made.public_pem.encode(), 0o644)
    row = {"private": str(path), "public": str(public)}
    output.tell(f"Key made: {path} signs, and edges are installed with {public}.", row, as_json=as_json)


@app.command()
def pack(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Filled by `pip install --target`.")],
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The archive to write.")],
    as_json: AsJson = False,
) -> None:
    """Make an archive of a folder that has the edge's software with all that it needs.

    Fill the folder on a machine like the edge's: pip install --target FOLDER 'ringfence[edge]'.

    Example: ringfence software pack build/edge edge-1.2.0.zip
    """
    from ringfence.edge.software.archive import pack as pack_folder

    if out.exists():
        raise FileExists("this file exists already", where=str(out), to_do="Choose another, or remove it.")
    files = pack_folder(folder, out)
    size = out.stat().st_size
    output.tell(
        f"{out} has {files} files in {size / 1e6:.1f} MB. "
        f"Next: ringfence software sign {out} --key KEY --version 1.2.0.",
        {"file": str(out), "files": files, "size_bytes": size},
        as_json=as_json,
    )


@app.command()
def sign(
    archive: Archive,
    key: Annotated[Path, typer.Option(help="The private key, as `ringfence software new-key` made it.")],
    version: Annotated[str, typer.Option(help="The version that the archive has, such as 1.2.0.")],
    minimum: Annotated[
        str, typer.Option(help="The oldest version that an edge may go back to once it runs this one.")
    ] = "0.0.0",
    machine: Annotated[str, typer.Option(help="The edge's hardware.", show_default="this machine's")] = "",
    python: Annotated[
        str, typer.Option(help="The edge's interpreter, such as cp311.", show_default="the one that runs this")
    ] = "",
    notes: Annotated[str, typer.Option(help="A line on what is new.")] = "",
    as_json: AsJson = False,
) -> None:
    """Sign an archive: writes FILE.json beside it, which goes with it to the edge. It needs no network.

    Example: ringfence software sign edge-1.2.0.zip --key software-key --version 1.2.0
    """
    import platform

    from ringfence.content.digests import sha256_hex
    from ringfence.content.software import LARGEST_ARCHIVE_BYTES, SoftwareRelease, sign_software
    from ringfence.edge.software.slots import STATEMENT, python_tag
    from ringfence.secret import Secret

    data = read_bytes(archive, LARGEST_ARCHIVE_BYTES)
    release = SoftwareRelease(
        version,
        python or python_tag(),
        machine or platform.machine().lower(),
        len(data),
        sha256_hex(data),
        minimum,
        notes,
    )
    statement = archive.with_name(archive.name + STATEMENT)
    _write(statement, sign_software(release, Secret(read_text(key)), time.time()), 0o644)
    row = {"version": version, "python": release.python, "machine": release.machine, "statement": str(statement)}
    output.tell(
        f"Version {version} for {release.python} on {release.machine} signed: {statement}.", row, as_json=as_json
    )


@app.command()
def show(
    archive: Archive,
    key: Annotated[Path, typer.Option(help="The public key that it must be signed with.")],
    as_json: AsJson = False,
) -> None:
    """Check an archive's signature and digest, and show what it is.

    Example: ringfence software show edge-1.2.0.zip --key software-key.pub
    """
    from dataclasses import asdict

    from ringfence.edge.software.slots import check_archive

    release = check_archive(archive, read_text(key))
    output.tell(
        f"Version {release.version} for {release.python} on {release.machine}, {release.size_bytes / 1e6:.1f} MB, "
        f"oldest to go back to {release.minimum}. {release.notes}".rstrip(),
        asdict(release),
        as_json=as_json,
    )
