"""A TFTP server's folder in an archive: looked at first, with what its phones would become, and then taken over."""

import json
import os
import secrets
from contextlib import AbstractContextManager
from typing import cast

from fastapi import APIRouter, Request, Response

from ringfence.counted import some
from ringfence.errors import BadInput, RingfenceError
from ringfence.hub.errors import BadSelection
from ringfence.hub.people import uploaded_files
from ringfence.hub.people.forms import Form, TheForm
from ringfence.hub.people.uploaded_files import UploadPlaces
from ringfence.hub.web.answers import PageAnswer, file_answer
from ringfence.hub.web.imports.kept_folders import KeptFolder, KeptFolders
from ringfence.hub.web.imports.time_limits import WorkTime
from ringfence.hub.web.own_requests import OwnRequests
from ringfence.hub.web.page import FieldRefused, TheFormPage, WebPage
from ringfence.imports.archived_folder import FilesInArchive
from ringfence.imports.errors import NothingToImport
from ringfence.imports.folder_import import guess_in_words, read_files, said_models, take_over, uncertain
from ringfence.phones.families import families
from ringfence.phones.importing.outcome import Entry
from ringfence.phones.importing.reader import SaidModels

router = APIRouter(prefix="/phones/-/import/folder")

PATH = "/phones/-/import/folder"
_MOST_ROWS = 200
_MOST_QUESTIONS = 20
_MOST_OF_QUESTION = 20
_MOST_NAMED = 5
_MODEL_OF = "model-"
_FORM = "imports/folder.html"


class _Question:
    """Phones that fit the same models: who they are in words, and their addresses."""

    def __init__(self, group: list[Entry]) -> None:
        phones = [entry.phone for entry in group if entry.phone is not None]
        self.words = guess_in_words(phones[0].guess, len(group))
        self.count = len(group)
        self.name = f"{_MODEL_OF}{phones[0].mac.bare}"
        self.phones = [
            (entry.path, f"{_MODEL_OF}{phone.mac.bare}-alone") for entry, phone in zip(group, phones, strict=True)
        ]
        self.macs = " ".join(phone.mac.bare for phone in phones)
        self.paths = some([entry.path for entry in group], _MOST_NAMED)


@router.get("")
def show_folder_form(page: TheFormPage) -> PageAnswer:
    """Show the form for a folder."""
    return _form(page, None, {"site": "imported"})


@router.post("")
def look_at_folder(page: TheFormPage, form: TheForm, request: Request) -> PageAnswer:
    """Show what a folder would become, and change nothing."""
    try:
        sent = uploaded_files.file_of(request)
        models = [form["model"].strip()] if form.get("model", "").strip() else []
        folder = KeptFolder(
            secrets.token_urlsafe(16),
            sent.name,
            os.dup(sent.file.fileno()),
            sent.size_bytes,
            form.get("site", "").strip(),
            models,
        )
        return _look(page, request, folder)
    except RingfenceError as fault:
        return _form(page, fault, form)


@router.post("/again")
def look_again(page: TheFormPage, form: TheForm, request: Request) -> PageAnswer:
    """Show the same folder once more, with what was answered about its phones' models."""
    try:
        folder = _kept(page, request, form)
        with _place(page, request):
            folder.models = [*folder.models, *_answers(form)]
            return _look(page, request, folder)
    except RingfenceError as fault:
        return _form(page, fault, form)


@router.post("/do")
def import_folder(page: TheFormPage, form: TheForm, request: Request) -> Response:
    """Take over the folder that was just looked at."""
    try:
        folder = _kept(page, request, form)
        with folder.lock, _place(page, request):
            if not folder.is_imported:
                _work(page, request, folder, dry_run=False)
                folder.is_imported = True
        return _show(page, folder, [])
    except RingfenceError as fault:
        return _form(page, fault, form)


@router.post("/report")
def download_report(page: TheFormPage, form: TheForm, request: Request) -> Response:
    """Show the whole report as a file, for people or for programs."""
    try:
        folder = _kept(page, request, form)
    except RingfenceError as fault:
        return _form(page, fault, form)
    if folder.report is None:
        raise BadSelection("there is no report yet", to_do="Look at the folder first.")
    if form.get("as") == "json":
        told = {**folder.done, **folder.report.as_json()}
        return file_answer("import.json", "application/json", [json.dumps(told, ensure_ascii=False, indent=1)])
    lines = [folder.report.counts, ""]
    for title, rows in folder.report.sections(dry_run=not folder.is_imported):
        if rows:
            lines += [title, *(f"  {row}" for row in rows), ""]
    return file_answer("import.txt", "text/plain; charset=utf-8", ["\n".join(lines)])


def _look(page: WebPage, request: Request, folder: KeptFolder) -> PageAnswer:
    with folder.lock:
        if folder.is_imported:
            return _show(page, folder, [])
        questions = _work(page, request, folder, dry_run=True)
    _folders(request).keep(_whose(page), folder)
    return _show(page, folder, questions)


def _work(page: WebPage, request: Request, folder: KeptFolder, *, dry_run: bool) -> list[_Question]:
    """Read a folder and let the hub look at it, or take it over; keep the report, and return what to ask about it."""
    time = WorkTime()
    if not folder.site:
        raise FieldRefused("site", "a site is needed", to_do="Name one; it is created if there is none.")
    said = _said(folder.models)
    beside = None if page.hub.folder is None else page.hub.folder.path
    with folder.opened() as archive, FilesInArchive(archive, folder.name, beside, time.check) as files:
        report = read_files(files, said, folder.name, time.check)
        client = OwnRequests(request, page.hub, page.caller)
        folder.done, folder.report = take_over(
            client, files, report, folder.site, folder.name, dry_run=dry_run, on_asset=time.check
        )
    return [_Question(group) for group in uncertain(report.imported)]


def _show(page: WebPage, folder: KeptFolder, questions: list[_Question]) -> PageAnswer:
    report = folder.report
    if report is None:
        raise NothingToImport("nothing was read of this folder", to_do="Send it once more.")
    seen = {"Set at a wider scope, and not in their files:", "Passed over:", "Besides:"}
    return page.show(
        "imports/folder_report.html", folder=folder, report=report, done=folder.done, is_done=folder.is_imported,
        questions=questions[:_MOST_QUESTIONS], more_questions=len(questions) - _MOST_QUESTIONS, most=_MOST_ROWS,
        most_of_question=_MOST_OF_QUESTION, models=_model_names(),
        sections=[each for each in report.sections(dry_run=not folder.is_imported) if each[0] in seen and each[1]],
    )  # fmt: skip


def _form(page: WebPage, fault: RingfenceError | None, form: Form) -> PageAnswer:
    most = uploaded_files.LARGEST_OF[PATH]
    return page.form(_FORM, fault, form, most=most, models=_model_names())


def _answers(form: Form) -> list[str]:
    """Return what was answered about models: for each group of phones, and then for single phones, which counts."""
    of_groups, of_single = [], []
    for name, text in form.items():
        if name.startswith(_MODEL_OF) and text.strip():
            bare, _dash, alone = name.removeprefix(_MODEL_OF).partition("-")
            if alone:
                of_single.append(f"{bare}={text.strip()}")
            else:
                of_groups += [f"{mac}={text.strip()}" for mac in form.get(f"of-{name}", bare).split()]
    return of_groups + of_single


def _said(models: list[str]) -> SaidModels:
    try:
        return said_models(models)
    except BadInput as fault:
        raise FieldRefused("model", fault.what, to_do=fault.to_do) from None


def _model_names() -> list[tuple[str, str]]:
    names = sorted(name for family in families().values() for name in family.models)
    return [("", "as guessed"), *((name, name) for name in names)]


def _kept(page: WebPage, request: Request, form: Form) -> KeptFolder:
    return _folders(request).get(_whose(page), form.get("folder", ""))


def _place(page: WebPage, request: Request) -> AbstractContextManager[None]:
    places = cast("UploadPlaces", request.app.state.upload_places)
    return places.one(page.caller.organisation_id)


def _folders(request: Request) -> KeptFolders:
    return cast("KeptFolders", request.app.state.kept_folders)


def _whose(page: WebPage) -> tuple[str, str]:
    return page.caller.id, page.caller.organisation_id
