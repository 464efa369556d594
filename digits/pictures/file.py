"""Picture files: a file of any size, format and mode becomes an upright grey `Picture`, or a `PictureError`."""

from __future__ import annotations

import io
import os
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from digits.errors import DigitsError

# Pillow's decoders for what cameras, scanners and drawing programs write. Every further one widens the attack surface.
FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "TIFF", "WEBP", "PPM", "HEIF", "AVIF")
SUFFIXES = frozenset(
    [".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".heic", ".heif", ".avif"]
)
# The largest file that is read. A TIFF or BMP with `MAX_PIXELS` in three colours has 192 MB.
MAX_BYTES = 200 * 2**20
# The largest picture that is decoded: 256 MB at Pillow's 4 bytes a pixel. Photos of 50 megapixels pass.
MAX_PIXELS = 64_000_000
# The longer side of a picture while its digits are looked for. A digit 5 mm high on a sheet of A4 has 21 pixels then.
WORKING_SIDE = 1280


class PictureError(DigitsError):
    """The file cannot be read as a picture."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        name: the file's name for messages, as `shown` gives it.
        colour: RGB, upright, at most `WORKING_SIDE` pixels a side.
        grey: float32 (height, width), 0 black to 1 white; same size as `colour`.
        scale: how many pixels of the file one pixel of `grey` stands for, ≥ 1.
        note: a remark for the user, such as "first of 12 frames"; often empty.
    """

    name: str
    colour: Image.Image
    grey: np.ndarray
    scale: float
    note: str = ""


def load_picture(source: Path | str | bytes, name: str | None = None) -> Picture:
    """Read a picture: apply its EXIF rotation, lay transparency on a contrasting ground, limit its size.

    Of an animation the first frame is read, and `Picture.note` says so.

    Args:
        source: a path, or the bytes of a file.
        name: what messages call the picture; by default the path.

    Raises:
        PictureError: missing, unreadable, no regular file, empty, not a picture, truncated or too large. One line.
    """
    name = shown(name or ("picture" if isinstance(source, bytes) else str(source)))
    data = source if isinstance(source, bytes) else _read_bytes(Path(source), name)
    if not data:
        raise PictureError(f"{name}: the file is empty (0 bytes)")
    if len(data) > MAX_BYTES:
        raise PictureError(f"{name}: more than {MAX_BYTES // 2**20} MiB: make it smaller")
    formats = _formats()
    with warnings.catch_warnings():
        # Pillow warns of damaged metadata on standard error. Metadata does not change the pixels.
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=formats) as image:
                return _decode(image, name)
        except PictureError:
            raise
        except Image.DecompressionBombError:
            raise PictureError(f"{name}: more than {MAX_PIXELS // 10**6} million pixels: make it smaller") from None
        except Image.UnidentifiedImageError:
            raise PictureError(f"{name}: not a picture ({', '.join(formats)} are read)") from None
        except MemoryError:
            raise PictureError(f"{name}: too large for this computer's memory: make it smaller") from None
        except Exception as error:  # noqa: BLE001 - Pillow's decoders raise almost any type on a damaged file
            reason = " ".join(str(error).split()) or type(error).__name__
            raise PictureError(f"{name}: damaged or truncated picture ({reason})") from None


def shown(name: str) -> str:
    """A file's name as printable text. Bytes that are not UTF-8 and characters that do not print are escaped."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _read_bytes(path: Path, name: str) -> bytes:
    try:
        mode = path.stat().st_mode
        # Opening a pipe waits for its writer, and reading a device may never end.
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise PictureError(f"{name}: a pipe or device, not a file; `-` reads standard input")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise PictureError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise PictureError(f"{name}: a folder, not a picture") from None
    except OSError as error:
        raise PictureError(f"{name}: cannot be read ({error.strerror})") from None


def _formats() -> list[str]:
    """The `FORMATS` that this Pillow decodes. HEIF, the iPhone's format, needs the optional package pillow-heif."""
    try:
        import pillow_heif  # type: ignore[import-not-found]
    except ImportError:
        pass
    else:
        pillow_heif.register_heif_opener()
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _decode(image: Image.Image, name: str) -> Picture:
    width, height = image.size
    if width * height > MAX_PIXELS:
        size = f"{width}×{height} is more than {MAX_PIXELS // 10**6} million pixels"
        raise PictureError(f"{name}: {size}: make it smaller")
    frames = getattr(image, "n_frames", 1)
    # The further frames of an MPO are previews and depth maps of a phone's photo.
    note = f"first of {frames} frames" if frames > 1 and image.format != "MPO" else ""
    # Pillow can decode a JPEG at 1/2, 1/4 or 1/8 of its size. That saves most of the time and memory of a photo.
    image.draft("RGB", (WORKING_SIDE, WORKING_SIDE))
    image.load()
    image = ImageOps.exif_transpose(image)
    colour = _eight_bit(image)
    longest = max(colour.size)
    if longest > WORKING_SIDE:
        new_width, new_height = (max(1, round(side * WORKING_SIDE / longest)) for side in colour.size)
        colour = colour.resize((new_width, new_height), Image.Resampling.BOX)
    colour = _opaque(colour)
    return Picture(name, colour.convert("RGB"), _grey(colour), max(width, height) / max(colour.size), note)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Convert any mode to L, LA, RGB or RGBA. Values of more than 8 bits are divided by their range, not clipped."""
    if image.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        high = next((top for top in (1.0, 255.0, 65535.0) if values.max() <= top), float(values.max()))
        # White is 1.0 in floating point only. In a picture of 16-bit integers 1 is almost black.
        high = high if image.mode == "F" else max(high, 65535.0)
        return Image.fromarray((np.clip(values / high, 0, 1) * 255).round().astype(np.uint8))
    if image.mode == "LAB":
        return image.getchannel(0)
    if image.has_transparency_data:
        return image.convert("LA" if image.mode in ("L", "LA", "La") else "RGBA")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _opaque(image: Image.Image) -> Image.Image:
    """Lay a transparent picture on white, or on black if its drawing is light."""
    if image.mode not in ("LA", "RGBA"):
        return image
    alpha = np.asarray(image.getchannel("A"), dtype=np.float64)
    light = np.asarray(image.convert("L"), dtype=np.float64)
    drawn_light = (light * alpha).sum() > 127.5 * alpha.sum()
    ground = Image.new("RGBA", image.size, "black" if drawn_light and alpha.min() < 128 else "white")
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("L" if image.mode == "LA" else "RGB")


def _grey(image: Image.Image) -> np.ndarray:
    """Float32 grey from 0 to 1, along the first principal axis of the picture's colours.

    For black on white that axis is brightness. Red on green of the same brightness differs along it, too.
    """
    values = np.asarray(image, dtype=np.float32) / 255
    if values.ndim == 2:
        return values
    covariance = np.cov(values.reshape(-1, 3), rowvar=False)
    # A picture of one pixel has no covariance, and a picture of one colour has no axis: both use brightness.
    axis = np.linalg.eigh(covariance)[1][:, -1] if np.isfinite(covariance).all() and covariance.any() else np.ones(3)
    axis = axis * (np.sign(axis.sum()) or 1.0)
    weights = (axis / np.abs(axis).sum()).astype(np.float32)
    return values @ weights - weights[weights < 0].sum()
