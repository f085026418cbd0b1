"""The ports that the gallery knows: a table beside this file, and which of them are installed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from typing import Any, NamedTuple

from radam_ref import dialects

from .golden_files import DamagedError
from .spec import Spec, SpecError, parse_spec

TABLE = "known_ports.toml"
TEXTS = ("name", "install", "spec", "arrays", "dialect", "source", "notes")
WORDS = ("set", "map", "env")
FLAGS = ("compile", "slow")
NEEDED = ("name", "spec", "dialect", "source")


class KnownPort(NamedTuple):
    """A port that people use, and how it is driven.

    Attributes
    ----------
    name : str
        Says which port, and in which mode.
    install : str
        The distribution that has it; empty for what comes with this package.
    spec : Spec
    dialect : str
        The one that it is known to compute in Core; empty if it fits none.
    source : str
        Address of its code, or of the talk about it.
    notes : str
        What there is to know of this mode, or empty.
    slow : bool
        Core takes minutes.
    """

    name: str
    install: str
    spec: Spec
    dialect: str
    source: str
    notes: str = ""
    slow: bool = False

    @property
    def is_installed(self) -> bool:
        """Whether its distribution is here; whether that works is for the judge to find out."""
        try:
            return not self.install or bool(distribution(self.install))
        except PackageNotFoundError:
            return False


def load_known_ports() -> tuple[KnownPort, ...]:
    """The table.

    Raises
    ------
    DamagedError
        In one sentence: which entry has what that it must not have.

    Examples
    --------
    >>> [port.name for port in load_known_ports()][:3]
    ['radam_ref.step', 'sample, right', 'sample, wrong']
    """
    return read_known_ports((files(__package__) / TABLE).read_text(encoding="utf-8"))


def read_known_ports(text: str) -> tuple[KnownPort, ...]:
    """The table of this text; see `load_known_ports`."""
    try:
        entries = tomllib.loads(text).get("port", [])
    except tomllib.TOMLDecodeError as error:
        raise DamagedError(f"{TABLE}: is no TOML: {error}") from error
    ports = tuple(_port(n, entry) for n, entry in enumerate(entries, start=1))
    names = [port.name for port in ports]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DamagedError(f"{TABLE}: {twice!r} stands there twice")
    return ports


def _port(number: int, entry: Mapping[str, Any]) -> KnownPort:
    where = f"{TABLE}: port number {number}, {entry.get('name', 'which has no name')!r}"
    for key, value in entry.items():
        if not _is_right(key, value):
            raise DamagedError(f"{where}: must not have {key} = {value!r}")
    if missing := [key for key in NEEDED if key not in entry]:
        raise DamagedError(f"{where}: has no {missing[0]}")
    if entry["dialect"] and entry["dialect"] not in dialects:
        raise DamagedError(f"{where}: there is no dialect {entry['dialect']!r}")
    if not entry["source"].startswith("https://"):
        raise DamagedError(f"{where}: source must begin with https://, got {entry['source']!r}")
    try:
        spec = _spec(entry)
    except SpecError as error:
        raise DamagedError(f"{where}: {error}") from error
    own = {key: entry[key] for key in ("name", "dialect", "source")}
    rest = {key: entry[key] for key in ("notes", "slow") if key in entry}
    return KnownPort(install=entry.get("install", ""), spec=spec, **own, **rest)


def _is_right(key: str, value: Any) -> bool:
    if key in WORDS:
        return isinstance(value, list) and all(isinstance(word, str) for word in value)
    return (key in TEXTS and isinstance(value, str)) or (key in FLAGS and value is True)


def _spec(entry: Mapping[str, Any]) -> Spec:
    return parse_spec(
        entry["spec"],
        entry.get("map", ()),
        entry.get("set", ()),
        compile=entry.get("compile", False),
        arrays=entry.get("arrays", "numpy"),
        environment=entry.get("env", ()),
    )


def matching(ports: Sequence[KnownPort], globs: Sequence[str]) -> tuple[KnownPort, ...]:
    """The ports whose names match a glob, in any case of letters; all if there is no glob.

    Raises
    ------
    KeyError
        A glob matches no name; the message says which.
    """
    lowered = {port.name: port.name.lower() for port in ports}
    for glob in globs:
        if not any(fnmatchcase(name, glob.lower()) for name in lowered.values()):
            raise KeyError(f"no known port is called {glob!r}")
    return tuple(
        port
        for port in ports
        if not globs or any(fnmatchcase(lowered[port.name], glob.lower()) for glob in globs)
    )
