"""Wallpapers: an ordinary picture becomes what a model shows, and its thumbnail (PHONES.md, "… wallpapers")."""

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from ringfence.phones.errors import BadAsset
from ringfence.phones.family import Picture

MOST_PIXELS = 60_000_000
_GREY_LEVELS = 16
_GREY_DEPTH = 4
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")


def convert(data: bytes, wanted: Picture) -> tuple[bytes, bytes]:
    """Return a picture as PNG of a model's size, filled and cut at its edges, and its thumbnail.

    Raises:
        BadAsset: It is not a picture, or has too many pixels.
    """
    image = _read(data)
    size = (wanted.width, wanted.height)
    return _png(image, size, wanted.depth), _png(image, wanted.thumbnail, wanted.depth)


def _read(data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(data), formats=_FORMATS)
            if opened.width * opened.height > MOST_PIXELS:
                raise BadAsset(
                    f"it has {opened.width} × {opened.height} pixels, but at most {MOST_PIXELS:,} are allowed"
                )
            upright = ImageOps.exif_transpose(opened)
            return upright.convert("RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadAsset(f"it has far more than the {MOST_PIXELS:,} pixels that are allowed") from None
    except UnidentifiedImageError:
        raise BadAsset("it is not a picture that can be read", to_do="Save it as PNG or JPEG.") from None
    except (OSError, ValueError, SyntaxError) as fault:
        raise BadAsset(f"the picture is damaged: {fault}", to_do="Save it as PNG or JPEG.") from None


def _png(image: Image.Image, size: tuple[int, int], depth: int) -> bytes:
    fitted = ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    if depth == _GREY_DEPTH:
        step = 256 // _GREY_LEVELS
        fitted = ImageOps.grayscale(fitted).point([level // step * 17 for level in range(256)])
    out = io.BytesIO()
    fitted.save(out, "PNG", optimize=True)
    return out.getvalue()
