"""QR codes in pages."""

import segno
from markupsafe import Markup


def qr_code(text: str) -> Markup:
    """Return a text as a picture for a camera, drawn from numbers alone."""
    drawn = segno.make_qr(text, error="l").svg_inline(omitsize=True, border=3, svgclass="qr", light="#fff")
    return Markup(drawn)  # noqa: S704 - squares that the library has drawn; the text itself is not in it
