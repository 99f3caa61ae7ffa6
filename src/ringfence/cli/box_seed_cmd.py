"""``ringfence box seed``: the files with which a new machine becomes a site's box by itself."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from ringfence import __version__
from ringfence.cli.support import output
from ringfence.cli.support.arguments import Site
from ringfence.cli.support.connection import hub, site_path
from ringfence.cli.support.errors import BadArgument, CanNotWrite, FileExists
from ringfence.cli.support.files import read_text
from ringfence.cli.support.output import AsJson
from ringfence.cli.support.questions import typed_secret
from ringfence.secret import Secret

app = typer.Typer()

_BOOT = "/boot/firmware"
"""Where Raspberry Pi OS has its boot partition."""
_LONGEST_HOSTNAME = 63


@app.command()
def seed(
    site: Site,
    out: Annotated[Path, typer.Option(help="Where the files go: a folder, or the boot partition of an SD card.")],
    phone_port: Annotated[str, typer.Option(help="The box's interface where the phone is.")] = "eth0",
    uplink: Annotated[str, typer.Option(help="The box's interface to the home's router.")] = "wlan0",
    wifi: Annotated[
        str | None, typer.Option(metavar="SSID", help="The home's Wi-Fi; its passphrase is asked for, or piped.")
    ] = None,
    wifi_country: Annotated[str, typer.Option(help="Two letters, whose rules the radio follows.")] = "",
    ssh_key: Annotated[
        list[Path] | None, typer.Option(help="File with a public key that may sign in; without any, SSH is off.")
    ] = None,
    package: Annotated[
        str,
        typer.Option(
            help="What pip installs at the first start; a wheel's file is copied along.",
            show_default=f"ringfence[edge]=={__version__}",
        ),
    ] = "",
    days: Annotated[int, typer.Option(min=1, max=30, help="Within how many days it starts for the first time.")] = 14,
    replace: Annotated[bool, typer.Option("--replace", help="Replace files of these names.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write what makes a new machine a site's box at its first start, as cloud-init and Raspberry Pi OS read it.

    The files hold a one-time token for the site, and the Wi-Fi passphrase: whoever has them first can be the box.

    Example: ringfence box seed home-office-anna --out /media/me/bootfs --wifi Anna --wifi-country DE
    """
    from ringfence.cli.support import box_seed

    if (wifi is None) is not (not wifi_country):
        raise BadArgument("a Wi-Fi network and its country belong together", to_do="Give --wifi and --wifi-country.")
    keys = tuple(read_text(path, 16_384).strip() for path in ssh_key or ())
    wheel = _wheel(package)
    requirement = f"ringfence[edge] @ file://{_BOOT}/{wheel.name}" if wheel is not None else package
    network = box_seed.Wifi(wifi, Secret(typed_secret("Passphrase")), wifi_country) if wifi is not None else None
    parts = box_seed.Seed(
        "box", "box", Secret(""), requirement or f"ringfence[edge]=={__version__}", phone_port, uplink, network, keys
    )  # everything is checked before a token is made
    _check_free(out, replace=replace)
    made = hub().post(f"{site_path(site)}/tokens", {"days": days})
    found = box_seed.Seed(
        _hostname(made["site"]), made["id"], Secret(made["token"]), parts.requirement, phone_port, uplink, network, keys
    )
    try:
        written = _write(out, box_seed.seed_files(found), wheel)
    except BaseException:
        hub().delete(f"/tokens/{made['id']}")
        raise
    if as_json:
        output.show_json({"files": [str(path) for path in written], "token": made["id"], "ends": made["expires_at"]})
        return
    for path in written:
        output.say(f"{path} written.")
    output.say(f"The box enrols by itself when it first starts with them, before {output.when(made['expires_at'])}.")
    output.say(f"If they get lost: ringfence site revoke-token {made['id']}")


def _wheel(package: str) -> Path | None:
    """Return the file that is copied along, if ``package`` names one. BadArgument."""
    if not package.endswith(".whl"):
        return None
    path = Path(package)
    if not path.is_file():
        raise BadArgument("there is no such wheel", where=package)
    return path


def _check_free(out: Path, *, replace: bool) -> None:
    from ringfence.cli.support import box_seed

    for name in (box_seed.USER_DATA, box_seed.META_DATA, box_seed.NETWORK_CONFIG):
        if not replace and (out / name).exists():
            raise FileExists("this file exists", where=str(out / name), to_do="To replace such files: --replace")


def _write(out: Path, files: Mapping[str, str], wheel: Path | None) -> list[Path]:
    """Write the files, readable by their owner alone where the file system knows that."""
    written = []
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in files.items():
            path, new = out / name, out / f"{name}.new"
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
            new.replace(path)
            written.append(path)
        if wheel is not None:
            shutil.copyfile(wheel, out / wheel.name)
            written.append(out / wheel.name)
    except OSError as fault:
        raise CanNotWrite(f"the file can't be written: {fault.strerror}", where=fault.filename or str(out)) from None
    return written


def _hostname(site_id: str) -> str:
    return re.sub(r"[^a-z0-9-]", "-", f"box-{site_id}".lower())[:_LONGEST_HOSTNAME].rstrip("-")
