"""The recovery sheet: a page to be printed, which holds the recovery file as a text and as a picture for a camera.

It asks no other host for anything and runs nothing, so that any browser prints it, offline too.
"""

import datetime as dt
import html
from dataclasses import dataclass
from typing import Final

import segno

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Recovery sheet: {organisation} at {hub}</title>
<style>
@page {{ size: A4; margin: 14mm }}
body {{ font: 10pt/1.35 sans-serif; max-width: 180mm; margin: auto; color: #000; background: #fff }}
h1 {{ font-size: 15pt; margin: 0 0 2mm }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 0 4mm; margin: 2mm 0 }}
dd {{ margin: 0; overflow-wrap: anywhere }}
pre {{ font: 7.5pt/1.2 monospace; margin: 2mm 0 }}
.both {{ display: flex; gap: 6mm; align-items: start; flex-wrap: wrap }}
.code svg {{ display: block; width: 64mm; height: 64mm }}
.line {{ border-bottom: 1px solid #000; display: inline-block; min-width: 110mm }}
</style>
<h1>Recovery sheet for the phones' trust</h1>
<p>Keep this sheet where the hub is not: in a safe. With it and the passphrase, phones follow a new key if the hub and
its copies are lost. Without it, somebody has to erase the trust list at each phone by hand. Whoever has both can make
every phone obey another hub.</p>
<dl>
<dt>Hub</dt><dd>{hub}</dd>
<dt>Organisation</dt><dd>{organisation}</dd>
<dt>Made</dt><dd>{made}</dd>
<dt>Key</dt><dd>{subject}</dd>
<dt>Fingerprint (SHA-256)</dt><dd>{fingerprint}</dd>
<dt>Passphrase</dt><dd>{passphrase}</dd>
</dl>
<h2>To use it</h2>
<ol>
<li>Get the file back: copy it, or scan the two pictures, one after the other, into a file, or type the text below.</li>
<li>Try it, now and once a year: <code>ringfence trust check FILE</code></li>
<li>If the hub has lost its own key: <code>ringfence trust recover FILE</code></li>
<li>If there is a new hub without anything of the old one: <code>ringfence trust init --with FILE</code>, then
<code>ringfence trust recover FILE</code></li>
</ol>
<p>Without Ringfence, <code>age --decrypt FILE</code> (age-encryption.org) opens it; inside are an RSA key (PKCS #8) and
its certificate, in DER.</p>
<div class="both">
<pre>{text}</pre>
<div class="code">{pictures}</div>
</div>
</html>
"""
_TO_WRITE: Final = '<span class="line">&nbsp;</span>'


@dataclass(frozen=True, slots=True)
class SheetOf:
    """Whose recovery file a sheet is about, and which."""

    hub: str
    """Where the hub is."""
    organisation: str
    subject: str
    fingerprint: str
    made_at: float


def recovery_sheet(of: SheetOf, recovery_file: bytes, passphrase: str = "") -> str:
    """Return the sheet in HTML.

    Args:
        of: What it is about.
        recovery_file: The file, which is text.
        passphrase: The passphrase, where it is to be printed too; otherwise there is a line to write it on.
    """
    text = recovery_file.decode("ascii").strip()
    return _PAGE.format(
        hub=html.escape(of.hub),
        organisation=html.escape(of.organisation),
        made=f"{dt.datetime.fromtimestamp(of.made_at, dt.UTC):%Y-%m-%d %H:%M} UTC",
        subject=html.escape(of.subject),
        fingerprint=html.escape(of.fingerprint),
        passphrase=f"<code>{html.escape(passphrase)}</code>" if passphrase else _TO_WRITE,
        text=html.escape(text),
        pictures="".join(_picture(number, part) for number, part in enumerate(_halves(text), 1)),
    )


def _halves(text: str) -> tuple[str, str]:
    """Return the two parts of a text that is too long for one picture."""
    lines = text.splitlines(keepends=True)
    middle = len(lines) // 2
    return "".join(lines[:middle]), "".join(lines[middle:])


def _picture(number: int, text: str) -> str:
    drawn = segno.make_qr(text, error="l").svg_inline(omitsize=True, border=3, light="#fff")
    return f"<p>{number} of 2</p>{drawn}"
