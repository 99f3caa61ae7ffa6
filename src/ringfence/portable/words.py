"""Every sentence that the person at home reads, in English and in German, in one table."""

import locale
from collections.abc import Mapping
from typing import Literal, get_args

Language = Literal["en", "de"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_WORDS: Mapping[str, tuple[str, str]] = {
    # What the bundle is.
    "ask-passphrase": ("Passphrase: ", "Kennwort: "),
    "opened": (
        "This bundle is for {phones}. It is number {number}, made on {made}, and good until {expires}.",
        "Dieses Bündel ist für {phones}. Es hat die Nummer {number}, ist vom {made} und gilt bis {expires}.",
    ),
    "type-address": (
        "At the phone, set “Alternate TFTP” to Yes and type this address as TFTP server 1: {addresses}",
        "Stellen Sie am Telefon „Alternate TFTP“ auf Ja und geben Sie als TFTP-Server 1 diese Adresse ein: {addresses}",
    ),
    "no-address": (
        "This computer has no address in a home network. Connect it to the network that the phone is in.",
        "Dieser Computer hat keine Adresse in einem Heimnetz. Verbinden Sie ihn mit dem Netz, in dem das Telefon ist.",
    ),
    "port-differs": (
        "Phones ask at port 69 only. At port {port} they find this computer only if something leads them there.",
        "Telefone fragen nur am Anschluss 69. Am Anschluss {port} findet diesen Computer nur, wen jemand hinführt.",
    ),
    "page": ("What happens is shown at {url} too.", "Was geschieht, steht auch auf {url}"),
    "waiting": (
        "Waiting for the phone. To end this, press Ctrl-C.",
        "Warten auf das Telefon. Zum Beenden drücken Sie Strg-C.",
    ),
    # What happens.
    "takes": ("{who} is taking {file}.", "{who} holt {file}."),
    "took": ("{who} took its file at {time}.", "{who} hat seine Datei um {time} geholt."),
    "took-other": ("{who} took {file} at {time}.", "{who} hat {file} um {time} geholt."),
    "broke-off": (
        "{who} stopped in the middle of {file}. It will ask again.",
        "{who} hat {file} nicht zu Ende geholt. Es fragt noch einmal.",
    ),
    "other-device": (
        "The device at {source} asked for the file of {who}, but it is another device. It got nothing.",
        "Das Gerät mit der Adresse {source} wollte die Datei von {who}, ist aber ein anderes. Es bekam nichts.",
    ),
    "second-device": (
        "A second device, at {source}, asked for the file of {who} and got nothing. If it is the phone, start again.",
        "Ein zweites Gerät ({source}) wollte die Datei von {who} und bekam nichts. Ist es das Telefon: neu starten.",
    ),
    "not-in-bundle": (
        "A phone at {source} asked for {file}. This bundle is for other phones.",
        "Ein Telefon mit der Adresse {source} wollte {file}. Dieses Bündel ist für andere Telefone.",
    ),
    "not-local": (
        "Something at {source} asked, which is not in this network. It got nothing.",
        "Jemand mit der Adresse {source} hat gefragt, ist aber nicht in diesem Netz, und bekam nichts.",
    ),
    "a-phone": ("A phone", "Ein Telefon"),
    "this-phone": ("Phone {mac}", "Telefon {mac}"),
    # Why it ends.
    "ended-done": (
        "Done: every phone has its file, and none has asked for a while. Nothing is kept on this computer.",
        "Fertig: Jedes Telefon hat seine Datei, und länger hat keines gefragt. Auf diesem Computer bleibt nichts.",
    ),
    "ended-expired": (
        "The bundle has expired. Ask for a newer one. Nothing is kept on this computer.",
        "Das Bündel ist abgelaufen. Bitten Sie um ein neues. Auf diesem Computer bleibt nichts.",
    ),
    "ended-stopped": (
        "Ended. Nothing is kept on this computer.",
        "Beendet. Auf diesem Computer bleibt nichts.",
    ),
    # A newer bundle.
    "newer": (
        "A newer bundle has come: number {number}, good until {expires}.",
        "Ein neueres Bündel ist da: Nummer {number}, gültig bis {expires}.",
    ),
    "watch-failed": (
        "Could not look for a newer bundle: {why} The present one stays in use.",
        "Ein neueres Bündel konnte nicht geholt werden: {why} Das jetzige bleibt in Gebrauch.",
    ),
    "ask-download-password": ("Download password: ", "Kennwort zum Herunterladen: "),
    "not-remembered": (
        "This computer can't remember which bundle it took last, so it can't tell an older one: {why}",
        "Dieser Computer kann sich nicht merken, welches Bündel zuletzt da war, und erkennt kein älteres: {why}",
    ),
    # What is refused. Each of these is an error's sentence; "…-to-do" is what helps.
    "no-bundle": ("this is not a bundle of Ringfence", "das ist kein Bündel von Ringfence"),
    "no-bundle-to-do": (
        "Check the file's name; it ends in .rfb.",
        "Prüfen Sie den Namen der Datei; er endet mit .rfb.",
    ),
    "damaged": ("the bundle is damaged or cut short", "das Bündel ist beschädigt oder nicht vollständig"),
    "damaged-to-do": (
        "Copy it again, or ask for another.",
        "Kopieren Sie es noch einmal, oder bitten Sie um ein neues.",
    ),
    "unreadable": ("the file can't be read: {why}", "die Datei kann nicht gelesen werden: {why}"),
    "wrong-passphrase": ("the passphrase does not open this bundle", "das Kennwort öffnet dieses Bündel nicht"),
    "wrong-passphrase-to-do": ("Type it again.", "Geben Sie es noch einmal ein."),
    "wrong-identity": ("this identity does not open this bundle", "dieser Schlüssel öffnet dieses Bündel nicht"),
    "wrong-identity-to-do": (
        "Give the identity of the recipient that it was made for.",
        "Nehmen Sie den Schlüssel des Empfängers, für den es gemacht ist.",
    ),
    "needs-identity": ("this bundle is for an age recipient", "dieses Bündel ist für einen age-Empfänger"),
    "needs-identity-to-do": (
        "Give the file with its identity: --identity FILE.",
        "Geben Sie die Datei mit dem Schlüssel an: --identity DATEI.",
    ),
    "no-identity": ("this file holds no age identity", "in dieser Datei steht kein age-Schlüssel"),
    "no-identity-to-do": (
        "It has a line that begins with AGE-SECRET-KEY-1.",
        "Eine Zeile darin beginnt mit AGE-SECRET-KEY-1.",
    ),
    "foreign": ("this bundle is from another hub", "dieses Bündel kommt von einem anderen Hub"),
    "foreign-to-do": (
        "Use the portable that came with it, from the same people.",
        "Nehmen Sie das Programm, das mit dem Bündel kam, von denselben Leuten.",
    ),
    "expired": ("this bundle expired on {expires}", "dieses Bündel ist am {expires} abgelaufen"),
    "expired-to-do": ("Ask for a newer one.", "Bitten Sie um ein neues."),
    "clock-behind": (
        "this bundle was made on {made}, and this computer's clock says {now}",
        "dieses Bündel ist vom {made}, und die Uhr dieses Computers sagt {now}",
    ),
    "clock-behind-to-do": ("Set the clock right.", "Stellen Sie die Uhr richtig."),
    "older": (
        "this bundle has number {number}, and this computer has had number {newest}",
        "dieses Bündel hat die Nummer {number}, und dieser Computer hatte schon Nummer {newest}",
    ),
    "older-to-do": ("Use the newer one.", "Nehmen Sie das neuere."),
    "newer-form": ("this bundle is of a newer form", "dieses Bündel hat eine neuere Form"),
    "newer-form-to-do": ("Ask for a newer portable.", "Bitten Sie um das neuere Programm."),
    "no-scrypt": ("this Python can't derive keys by scrypt", "dieses Python kann keine Schlüssel mit scrypt ableiten"),
    "no-scrypt-to-do": (
        "Use the Python from python.org, or your system's own.",
        "Nehmen Sie das Python von python.org oder das Ihres Systems.",
    ),
    "too-little-memory": ("this computer has too little memory free", "dieser Computer hat zu wenig freien Speicher"),
    "too-little-memory-to-do": ("Close other programs.", "Schließen Sie andere Programme."),
    "port-busy": (
        "another program uses port {port} for TFTP",
        "ein anderes Programm benutzt den Anschluss {port} für TFTP",
    ),
    "port-busy-to-do": ("End that program, and start this again.", "Beenden Sie es, und starten Sie dies noch einmal."),
    "port-forbidden": (
        "this user may not use port {port}, at which phones ask",
        "dieser Benutzer darf den Anschluss {port} nicht benutzen, an dem Telefone fragen",
    ),
    "port-forbidden-to-do": (
        "Linux and macOS: start it with sudo. Windows: start it as administrator, and allow it when the firewall asks.",
        "Linux und macOS: mit sudo starten. Windows: als Administrator starten und zulassen, wenn die Firewall fragt.",
    ),
    "no-such-address": ("this computer has no address {address}", "dieser Computer hat keine Adresse {address}"),
    "no-file-yet": ("there is no bundle at {file} yet", "unter {file} ist noch kein Bündel"),
    "no-file-yet-to-do": (
        "Give its name, or where to get it: --watch URL.",
        "Geben Sie seinen Namen an oder woher es kommt: --watch URL.",
    ),
    "not-https": ("bundles come by https:// only", "Bündel kommen nur über https://"),
    "hub-away": ("the hub can't be reached: {why}", "der Hub ist nicht erreichbar: {why}"),
    "hub-refused": (
        "the hub gives out no bundle: {why}",
        "der Hub gibt kein Bündel aus: {why}",
    ),
    "hub-refused-to-do": (
        "Check the download password. It may also have been withdrawn: ask.",
        "Prüfen Sie das Kennwort zum Herunterladen. Vielleicht ist es auch zurückgezogen: fragen Sie nach.",
    ),
    "too-long": ("the answer is longer than a bundle can be", "die Antwort ist länger, als ein Bündel sein kann"),
    # The page.
    "page-title": ("Setting up the phone", "Das Telefon einrichten"),
    "page-steps": ("What to do", "Was zu tun ist"),
    "page-events": ("What has happened", "Was geschehen ist"),
    "page-nothing": ("Nothing yet.", "Noch nichts."),
    "page-phones": ("For which phones", "Für welche Telefone"),
    "page-step-network": (
        "Connect the phone to the same network as this computer, and to power.",
        "Schließen Sie das Telefon an dasselbe Netz wie diesen Computer an, und an den Strom.",
    ),
    "page-step-menu": (
        "At the phone, open the settings (a gear, a sheet, or a globe beside the keys) and find the network settings.",
        "Öffnen Sie am Telefon die Einstellungen (Zahnrad, Blatt oder Weltkugel neben den Tasten), dort das Netzwerk.",
    ),
    "page-step-menu-of": (
        "At the phone ({models}), open: {menu}",
        "Öffnen Sie am Telefon ({models}): {menu}",
    ),
    "page-step-unlock": (
        "If the settings are locked, type **# (older phones), or ask whoever gave you this.",
        "Sind die Einstellungen gesperrt, tippen Sie **# (ältere Telefone), oder fragen Sie, wer Ihnen dies gab.",
    ),
    "page-step-restart": (
        "Save. The phone starts again and takes its file from this computer; that can take some minutes.",
        "Speichern Sie. Das Telefon startet neu und holt seine Datei von diesem Computer; das kann Minuten dauern.",
    ),
    "page-step-keep": (
        "Leave this running until it says that the phone took its file.",
        "Lassen Sie dies laufen, bis hier steht, dass das Telefon seine Datei geholt hat.",
    ),
    "page-reloads": (
        "This page is only on this computer, and shows itself anew every few seconds.",
        "Diese Seite gibt es nur auf diesem Computer. Sie lädt sich alle paar Sekunden neu.",
    ),
}


def say(language: Language, key: str, **values: object) -> str:
    """Return a sentence in a language, with its values."""
    return _WORDS[key][LANGUAGES.index(language)].format(**values)


def has(key: str) -> bool:
    """Return whether there is such a sentence."""
    return key in _WORDS


def keys() -> tuple[str, ...]:
    """Return the names of all sentences."""
    return tuple(_WORDS)


def joined(language: Language, items: list[str]) -> str:
    """Return a list in words."""
    if len(items) < 2:  # noqa: PLR2004 - one, or none
        return "".join(items)
    return f"{', '.join(items[:-1])} {'und' if language == 'de' else 'and'} {items[-1]}"


def language_of(asked: str | None) -> Language:
    """Return the language that somebody asked for, or that this computer is set to; English otherwise."""
    try:
        found = asked or locale.getlocale()[0] or ""
    except ValueError:
        found = ""
    return "de" if found.lower().startswith(("de", "german")) else "en"
