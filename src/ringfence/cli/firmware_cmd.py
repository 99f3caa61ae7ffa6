"""``ringfence firmware``: inspect and import firmware bundles, and follow their rollout."""

import time
from pathlib import Path
from typing import Annotated

import typer

from ringfence.archives import members
from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.cli.support.questions import Yes, confirm
from ringfence.cli.support.uploads import progress, say_skipped, upload_members
from ringfence.counted import counted
from ringfence.imports.bundle_import import check_whole, collect, wanted_of
from ringfence.phones.filenames import is_loads
from ringfence.phones.firmware.bundles import Bundle, examine
from ringfence.phones.firmware.loads import Loads, parse_loads

app = typer.Typer(help="Firmware: inspect bundles, import loads, and follow their rollout.", no_args_is_help=True)

_LOOK_EVERY_S = 1.0

BundleFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A folder, .zip, .cop.sgn, .cop.sha512, .tar.gz, or a single .loads, .bin, .img, .rom or .swu.",
    ),
]


@app.command()
def inspect(file: BundleFile, as_json: AsJson = False) -> None:
    """Show what a bundle or .loads file contains; needs no hub.

    The exit code is 3 if a file is missing.

    Example: ringfence firmware inspect cmterm-7945_7965-sip.9-4-2SR3-1.zip
    """
    skipped: list[str] = []
    sizes, lists = _collect(file, skipped)
    if file.is_file() and is_loads(file.name):
        _show_list(file.name, parse_loads(lists[file.name], file.name), as_json=as_json)
        return
    bundle = examine(sizes, lists.__getitem__)
    if as_json:
        output.show_json({**_as_json(bundle, sizes), "skipped": skipped})
    else:
        _show_bundle(bundle, sizes)
        say_skipped(skipped)
    check_whole(bundle, str(file))


@app.command("import")
def import_bundle(file: BundleFile, as_json: AsJson = False) -> None:
    """Import a bundle's loads into the hub.

    The bundle must be complete. Phones get nothing until you set firmware_load and publish.

    Example: ringfence firmware import cmterm-9971.9-4-2SR4-1.cop.sgn
    """
    skipped: list[str] = []
    sizes, lists = _collect(file, skipped)
    bundle = examine(sizes, lists.__getitem__)
    check_whole(bundle, str(file))
    wanted = wanted_of(bundle, lists)
    client = hub()
    files = upload_members(client, file, wanted, sum(sizes[name] for name in wanted))
    rows = client.post("/firmware", {"source": file.name, "files": files})["items"]
    if as_json:
        output.show_json(rows)
        return
    say_skipped(skipped)
    for row in rows:
        models = ", ".join(row["models"]) or "no known model"
        files_and_size = f"{counted(len(row['files']), 'file')}, {row['size']:,} B"
        output.say(f"Load {row['name']} imported: {files_and_size}, for {models}.")
    output.say(f"Next: ringfence set site SITE firmware_load={rows[0]['name']}, then ringfence publish.")


@app.command("list")
@lists
def list_loads() -> Listing:
    """List the loads that the hub has.

    Example: ringfence firmware list
    """
    columns = [
        ("LOAD", field("name")),
        ("MODELS", lambda row: ", ".join(row["models"])),
        ("FILES", lambda row: len(row["files"])),
        ("BYTES", lambda row: f"{row['size']:,}"),
        ("FROM", field("source")),
        ("IMPORTED", moment("added_at")),
    ]
    return Listing("/firmware", columns, empty="No firmware yet. Import a bundle: ringfence firmware import FILE.")


LoadName = Annotated[str, typer.Argument(metavar="LOAD", help="Its name, as ringfence firmware list shows it.")]


@app.command()
def status(
    load: LoadName,
    watch: Annotated[bool, typer.Option("--watch", help="Show progress until every phone's file names it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a load's rollout: which edges have it, which phones are told.

    Example: ringfence firmware status sip9971.9-4-2SR4-1 --watch
    """
    client = hub()
    path = f"/firmware/{segment(load)}/sites"
    rows = client.items(path)
    if watch and not as_json:
        with progress("edges with it and phones told") as (show, _advance):
            while True:
                # An edge that is fetching it counts for the part that it has.
                done = sum(row["with_load"] + row["named"] + _part(row) for row in rows)
                total = sum(row["with_load"] + len(_awaited(row)) + row["named"] + row["waiting"] for row in rows)
                show(done, total)
                if done == total:
                    break
                time.sleep(_LOOK_EVERY_S)
                rows = client.items(path)
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("SITE", field("site")),
        ("EDGES WITH IT", lambda row: f"{row['with_load']} of {row['edges']}"),
        ("FETCHED", output.fetched),
        ("PHONES WAITING", field("waiting")),
        ("PHONES TOLD", field("named")),
    ]
    output.show_table(
        rows,
        columns,
        empty=f"No phone uses {load}. Next: ringfence set site SITE firmware_load={load}, then publish.",
    )
    for row in rows:
        for edge in row["lacking"]:
            output.say(_lacking(row, edge))


def _awaited(row: Row) -> list[Row]:
    return [edge for edge in row["lacking"] if edge["counts"]]


def _lacking(row: Row, edge: Row) -> str:
    name = output.edge_name(edge)
    if not edge["counts"]:
        return f"Edge {name} of {row['site']} is away and does not count; it takes the load when it comes back."
    if edge["connected"]:
        return f"Edge {name} of {row['site']} does not have it yet."
    return f"{output.away_edge(edge)} Site {row['site']}'s phones wait for it."


def _part(row: dict[str, int]) -> float:
    fetching = row["fetching_bytes"]
    return min(row["fetched_bytes"] / fetching, 1.0) * (row["edges"] - row["with_load"]) if fetching else 0.0


@app.command()
def remove(load: LoadName, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a load that no phone uses.

    Example: ringfence firmware remove sip9971.9-4-2SR4-1
    """
    confirm(f"Remove load {load}", yes=yes)
    hub().delete(f"/firmware/{segment(load)}")
    output.tell(f"Load {load} deleted.", {"removed": load}, as_json=as_json)


def _show_list(name: str, loads: Loads, *, as_json: bool) -> None:
    if as_json:
        files = [
            {"name": each.name, "size": each.size_bytes, "digest": each.digest, "optional": each.is_optional}
            for each in loads.files
        ]
        output.show_json({"load": name.removesuffix(".loads"), "files": files, **_facts(loads)})
        return
    signed = f", signed as {loads.header.file_name}" if loads.header else ", not signed"
    output.say(f"{name} names {counted(len(loads.files), 'file')}{signed}:")
    for each in loads.files:
        output.say(f"  {each.name}" + (" (optional)" if each.is_optional else ""))
    for kind, value in loads.compatibility:
        output.say(f"Hardware: {kind} {value}.")


def _show_bundle(bundle: Bundle, sizes: dict[str, int]) -> None:
    for load in bundle.loads:
        kind = "Recovery list" if load.is_recovery else "Load"
        output.say(f"{kind} {load.name}, for {', '.join(load.models) or 'no known model'}:")
        for each in load.wanted:
            note = "missing" if each.found is None else each.problem
            other = f" (here as {each.found})" if each.found not in {None, each.name} else ""
            size = f"{sizes[each.found]:>12,} B" if each.found else " " * 14
            output.say(f"  {size}  {each.name}{other}" + (f"  ← {note}" if note else ""))
    if bundle.unnamed:
        output.say(f"Not named by any load: {', '.join(bundle.unnamed)}")


def _as_json(bundle: Bundle, sizes: dict[str, int]) -> dict[str, object]:
    return {
        "loads": [
            {
                "load": load.name,
                "recovery": load.is_recovery,
                "models": list(load.models),
                **_facts(load.loads),
                "files": [
                    {
                        "name": each.name,
                        "found": each.found,
                        "size": sizes[each.found] if each.found else None,
                        "problem": each.problem or ("missing" if each.found is None else ""),
                    }
                    for each in load.wanted
                ],
                "missing": list(load.missing),
            }
            for load in bundle.loads
        ],
        "not_named": list(bundle.unnamed),
        "other": list(bundle.other),
    }


def _facts(loads: Loads) -> dict[str, object]:
    return {
        "signed_as": loads.header.file_name if loads.header else None,
        "compatibility": dict(loads.compatibility),
    }


def _collect(file: Path, skipped: list[str]) -> tuple[dict[str, int], dict[str, bytes]]:
    return collect(members(file, skipped), str(file))
