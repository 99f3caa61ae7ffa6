"""``ringfence asset``: ring tones, wallpapers, languages, tones, and files that phones name."""

from pathlib import Path
from typing import Annotated

import typer

from ringfence.archives import members
from ringfence.cli.support import output
from ringfence.cli.support.api import Json
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, field, moment
from ringfence.cli.support.questions import Yes, confirm
from ringfence.cli.support.uploads import say_skipped
from ringfence.errors import EnvironmentFault

app = typer.Typer(
    help="Ring tones, wallpapers, languages, dial plans and other files for phones.", no_args_is_help=True
)


@app.command("import")
def import_assets(
    file: Annotated[
        Path, typer.Argument(metavar="FILE|FOLDER", help="A WAV, .raw, .rwb, PNG or JPEG, a folder, or an archive.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be imported, and upload nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import ring tones, wallpapers, languages, tones, dial plans, soft keys and feature policies into the hub.

    Files are recognised by their content and converted to what phones take. Rings that are ready for phones are
    recognised by .raw (µ-law, 8 kHz) or .rwb (16 bits, 16 kHz). Languages and tones are recognised by their folder,
    such as German_Germany/mk-sip.jar in the manufacturer's packages. XML files of dial plans, soft keys and feature
    policies are published as they are, for the phones whose dial_plan_file, soft_key_file or feature_policy_file names
    them.

    Example: ringfence asset import doorbell.wav
    """
    try:
        from ringfence.imports.asset_import import nothing_found, recognised
        from ringfence.imports.asset_uploads import bring
        from ringfence.phones.assets.kinds import models_for
    except ModuleNotFoundError as missing:
        raise EnvironmentFault(
            f"this needs {missing.name}, which is not installed", to_do="Run pip install 'ringfence[hub]'."
        ) from None
    client = None if dry_run else hub()
    told: list[Json] = []
    skipped: list[str] = []
    for asset in recognised(members(file, skipped), str(file)):
        models = models_for(asset)
        if client is not None:
            bring(client, asset, file.name)
        told.append({"kind": str(asset.kind), "name": asset.name, "notes": list(asset.notes), "models": models})
        if not as_json:
            notes = f" ({'; '.join(asset.notes)})" if asset.notes else ""
            whom = ", ".join(models) or "no known model"
            output.say(f"{asset.kind.capitalize()} “{asset.name}”{notes}, for {whom}.")
    if not told:
        raise nothing_found(str(file))
    if as_json:
        output.show_json(told)
        return
    say_skipped(skipped)
    if not dry_run:
        output.say("Next: ringfence publish. Phones get languages only where user_locale or network_locale names them,")
        output.say("and dial plans, soft keys and feature policies where their settings do, such as dial_plan_file.")


@app.command("list")
@lists
def list_assets() -> Listing:
    """List the assets at the hub.

    Example: ringfence asset list
    """
    columns = [
        ("ID", field("id")),
        ("KIND", field("kind")),
        ("NAME", field("name")),
        ("FILES", lambda row: len(row["files"])),
        ("BYTES", lambda row: f"{row['size']:,}"),
        ("IMPORTED", moment("added_at")),
    ]
    return Listing("/assets", columns, empty="No assets yet. Import one: ringfence asset import FILE.")


@app.command()
def remove(
    asset: Annotated[str, typer.Argument(help="Its id, as ringfence asset list shows it.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete an asset; publish to take it off the phones' lists.

    Example: ringfence asset remove ring-tone-doorbell
    """
    confirm(f"Delete asset {asset}", yes=yes)
    hub().delete(f"/assets/{segment(asset)}")
    said = f"Asset {asset} deleted. Publish to take it off the phones' lists."
    output.tell(said, {"removed": asset}, as_json=as_json)
