"""Files that commands read for the user."""

from pathlib import Path

from ringfence.cli.support.errors import BadArgument

LARGEST_TEXT_BYTES = 1 << 20


def read_text(path: Path, largest_bytes: int = LARGEST_TEXT_BYTES) -> str:
    """Return the text of a file; BadArgument if it can't be read, is not UTF-8 or is larger than ``largest_bytes``."""
    try:
        with path.open("rb") as file:
            data = file.read(largest_bytes + 1)
        if len(data) > largest_bytes:
            raise BadArgument(f"the file is larger than {largest_bytes:,} bytes", where=str(path))
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data[: fault.start].count(b"\n") + 1
        raise BadArgument("the file is not UTF-8", where=f"{path}, line {line}", to_do="Save it as UTF-8.") from None
    except OSError as fault:
        raise BadArgument(f"the file can't be read: {fault.strerror}", where=str(path)) from None
