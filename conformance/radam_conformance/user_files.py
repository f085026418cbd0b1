"""Files of the user: read up to a size, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def read_at_most(path: Path, most: int) -> bytes:
    """The bytes of a file.

    Raises
    ------
    ValueError
        It has more than `most`.
    OSError
        It cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"has more than {most} bytes")
    return content


def write_whole(path: Path, content: bytes) -> None:
    """Write beside the file and rename, so that no reader ever sees half of it.

    The file beside is new: what another has laid there, a link for example, is not written to.
    """
    beside = path.with_name(f".{path.name}.{os.urandom(8).hex()}.part")
    try:
        with beside.open("xb") as file:
            file.write(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
