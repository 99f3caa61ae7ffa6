"""A TFTP server's folder: read, shown to the hub without a change, and then taken over."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from ringfence.errors import BadInput, NotPermitted
from ringfence.imports.asset_uploads import bring
from ringfence.imports.errors import NothingToImport
from ringfence.imports.folder_order import ImportOrder, check, send
from ringfence.imports.folder_report import ImportReport
from ringfence.imports.hub_requests import HubRequests, Json
from ringfence.imports.inherited_settings import inherited
from ringfence.phones.assets.kinds import Asset, AssetKind, recognise, together
from ringfence.phones.families import model as model_of
from ringfence.phones.importing.folder import FolderReport, read_folder
from ringfence.phones.importing.outcome import Confidence, Entry, ModelGuess
from ringfence.phones.importing.reader import SaidModels
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.mac import Mac

_ASSETS = (".raw", ".rwb", ".pcm", ".png", ".jar", "g3-tones.xml", "g4-tones.xml")
_LARGEST_ASSET = 64 << 20


class FolderFiles(Protocol):
    """The files of a folder, wherever it is."""

    passed_over: list[tuple[str, str]]
    """What can't be read of it, and why; an import adds what the hub does not take."""

    @property
    def paths(self) -> Sequence[str]:
        """The files' paths."""
        ...

    def read(self, path: str) -> bytes:
        """Return as much of a file as any phone's may have, and one byte more."""
        ...

    def whole(self, path: str, most_bytes: int) -> bytes:
        """Return the bytes of a file that may be larger than phones' own; OSError."""
        ...


def said_models(texts: Sequence[str]) -> SaidModels:
    """Return the models that a person has named, as ``MODEL`` for all or ``MAC=MODEL`` for one phone.

    Raises:
        BadInput: It is no model's name, or no MAC address.
    """
    by_mac: dict[str, str] = {}
    for_others = ""
    for text in texts:
        mac, equals, name = text.rpartition("=")
        model_of(name)  # a name that is none is an error before anything is read
        if equals:
            by_mac[Mac.parse(mac).bare] = name
        else:
            for_others = name
    return SaidModels(by_mac, for_others)


def read_files(
    files: FolderFiles, said: SaidModels, where: str, on_entry: Callable[[Entry], None] = lambda _entry: None
) -> FolderReport:
    """Return what the phones of a folder are.

    Raises:
        NothingToImport: It has no phone's configuration, or none that can be imported.
    """
    report = read_folder(SourceFolder(files.paths, files.read), said, on_entry)
    if not report.entries:
        raise NothingToImport(
            "it holds no phone's configuration", where=where, to_do="Check that it is the TFTP server's folder."
        )
    if not report.imported:
        first = report.entries[0]
        raise NothingToImport(
            "none of its phones' files can be imported", where=where, to_do=f"{first.path}: {first.why}."
        )
    return report


def take_over(
    client: HubRequests,
    files: FolderFiles,
    report: FolderReport,
    site: str,
    source: str,
    *,
    dry_run: bool,
    on_asset: Callable[[str], None] = lambda _path: None,
) -> tuple[Json, ImportReport]:
    """Import what was read of a folder: what the hub takes of it, all in one step; or only ask what it would take.

    Args:
        client: The hub.
        files: The folder's files.
        report: What was read of them.
        site: The site's id or name.
        source: What the hub notes as where its assets are from.
        dry_run: Whether nothing is to be changed.
        on_asset: Called with the path of each ring, wallpaper or language; what it raises ends the import.

    Returns:
        The hub's own answer, and the report.

    Raises:
        NothingToImport: The hub takes none of it.
    """
    order = ImportOrder.of(report, site)
    sent = check(client, order)
    assets = [*report.kept_files, *_assets(files, report, on_asset)]
    if not dry_run:
        # What phones name comes before them, so that an end in between leaves no phone without it.
        assets = list(_brought(client, assets, source, files))
        sent = send(client, sent)
    taken = [(row.path, row.phone) for row in report.imported if row.phone is not None and row.path not in sent.refused]
    told = ImportReport.of(
        report, order, sent, inherited(client, site, taken, sent.of_site), files.passed_over,
        [{"kind": str(each.kind), "name": each.name} for each in assets],
    )  # fmt: skip
    return sent.done, told


def uncertain(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return the entries whose model is not certain, those together that fit the same models."""
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        if entry.phone is not None and entry.phone.guess.confidence is not Confidence.CERTAIN:
            groups.setdefault((entry.phone.model, *entry.phone.guess.others), []).append(entry)
    return list(groups.values())


def guess_in_words(guess: ModelGuess, count: int) -> str:
    """Return what is known of the model of so many phones, as the end of a sentence."""
    others = " or ".join(guess.others)
    if guess.confidence is Confidence.UNKNOWN:
        hint = f", perhaps {others}" if others else ""
        return f"{'is' if count == 1 else 'are'} of a model that nothing tells{hint}"
    return f"{'is' if count == 1 else 'are'} likely {guess.model}, or else {others}"


def _brought(client: HubRequests, assets: Sequence[Asset], source: str, files: FolderFiles) -> Iterator[Asset]:
    """Bring assets to the hub; yield those that it takes, and note the others."""
    for asset in assets:
        try:
            bring(client, asset, source)
        except (BadInput, NotPermitted) as fault:
            files.passed_over.append((asset.name, f"the hub does not take it: {fault.what}"))
            continue
        yield asset


def _assets(files: FolderFiles, report: FolderReport, on_asset: Callable[[str], None]) -> Iterator[Asset]:
    """Yield the rings, wallpapers and languages of the folder; what can't be used is told in the report's rest."""

    def found() -> Iterator[Asset]:
        for path in report.left_alone:
            if path.lower().endswith(_ASSETS) and not path.lower().endswith("-tn.png"):
                on_asset(path)
                try:
                    asset = recognise(path, files.whole(path, _LARGEST_ASSET))
                except (BadInput, OSError) as fault:
                    files.passed_over.append((path, fault.what if isinstance(fault, BadInput) else str(fault)))
                    continue
                if asset is not None:
                    yield asset

    seen: set[tuple[AssetKind, str]] = set()
    for asset in together(found()):
        if (asset.kind, asset.name) not in seen:
            seen.add((asset.kind, asset.name))
            yield asset
