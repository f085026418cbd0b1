"""What the sources may ask of a system: Windows and macOS lack names, paths and encodings."""

from __future__ import annotations

import ast
import errno
import os
import re
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import radam_adapters
import radam_conformance
import radam_ref
from radam_adapters import _numba_loops

ROOT = Path(__file__).parents[1]
PACKAGES = [Path(package.__file__).parent for package in (radam_ref, radam_adapters)]
PACKAGES.append(Path(radam_conformance.__file__).parent)
FOLDERS = [ROOT / name for name in ("benchmarks", "docs", "examples", "experiments")]
SOURCES = {
    f"{folder.name}/{file.relative_to(folder).as_posix()}": file
    for folder in (*PACKAGES, *FOLDERS)
    for file in folder.rglob("*.py")
}

# Names that Python has on POSIX systems only, and modules.
POSIX_ONLY = {
    *(f"os.{name}" for name in """
        WEXITSTATUS WIFEXITED WIFSIGNALED WNOHANG WTERMSIG chown chroot confstr ctermid fchmod
        fchown fork forkpty get_blocking getegid geteuid getgid getgroups getloadavg getpgid getpgrp
        getpriority getresuid getsid getuid initgroups killpg lchown mkfifo mknod nice openpty
        pathconf pipe2 posix_fadvise posix_spawn posix_spawnp pread pwrite readv register_at_fork
        sched_getaffinity sched_setaffinity sched_yield sendfile set_blocking setegid seteuid setgid
        setpgid setpriority setsid setuid statvfs sync sysconf tcgetpgrp ttyname uname wait wait3
        wait4 waitid writev O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK
    """.split()),
    *(f"signal.{name}" for name in """
        SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2
        SIGXCPU SIGXFSZ alarm pause pthread_kill pthread_sigmask setitimer sigwait
    """.split()),
    "time.tzset",
    *"crypt curses fcntl grp posix pty pwd readline resource syslog termios tty".split(),
}  # fmt: skip
POSIX_KEYWORDS = {"pass_fds", "preexec_fn", "process_group", "start_new_session"}
POSIX_PLACES = re.compile(r"/(dev|proc|tmp|etc|usr|var)/")
# Where such a name is reached on a POSIX system only, and why.
GUARDED = {
    # harness.check_system refuses before a process is started.
    "radam_conformance/process.py": {
        "/proc/",
        "os.killpg",
        "os.set_blocking",
        "signal.SIGKILL",
        "start_new_session",
    },
    # ChildProcess alone starts these two.
    "radam_conformance/worker.py": {"os.register_at_fork"},
    "radam_conformance/faulty.py": {"os.fork", "signal.SIGKILL"},
    # The option that needs the module is refused without it; Windows ignores the keyword.
    "benchmarks/compare.py": {"resource", "start_new_session"},
    # They look whether there is such a file.
    "benchmarks/judge_speed.py": {"/proc/"},
    "benchmarks/step_speed.py": {"/proc/"},
}
STREAMS = {"radam_conformance/streams.py", "radam_conformance/drivers/_surroundings.py"}


@cache
def tree_of(name: str) -> ast.AST:
    return ast.parse(SOURCES[name].read_text(encoding="utf-8"))


def posix_only(tree: ast.AST) -> Iterator[str]:
    """Names, modules, keywords and places that POSIX systems have alone, unless asked for first."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                yield from (alias.name for alias in aliases if alias.name in POSIX_ONLY)
            case ast.ImportFrom(module=str(module), names=aliases):
                names = {module, *(f"{module}.{alias.name}" for alias in aliases)}
                yield from names & POSIX_ONLY
            case ast.Attribute(value=ast.Name(id=module), attr=name):
                if f"{module}.{name}" in POSIX_ONLY:
                    yield f"{module}.{name}"
            case ast.keyword(arg=str(name)) if name in POSIX_KEYWORDS:
                yield name
            case ast.Constant(value=str(text)) if found := POSIX_PLACES.match(text):
                yield found[0]


def asked_for(tree: ast.AST) -> set[str]:
    """Names of which a file asks by hasattr whether there are such."""
    return {
        f"{node.args[0].id}.{node.args[1].value}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id == "hasattr" and isinstance(node.args[0], ast.Name)
        if isinstance(node.args[1], ast.Constant)
    }


def test_no_source_needs_a_posix_system_unguarded() -> None:
    found = {}
    for name in SOURCES:
        if names := set(posix_only(tree_of(name))) - asked_for(tree_of(name)):
            found[name] = names

    assert len(SOURCES) > 150
    assert found == {name: names for name, names in GUARDED.items() if name in SOURCES}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import os\nos.fork()", "os.fork"),
        ("from signal import SIGHUP", "signal.SIGHUP"),
        ("import resource", "resource"),
        ("from fcntl import flock", "fcntl"),
        ("subprocess.Popen(command, start_new_session=True)", "start_new_session"),
        ("open(f'/proc/{pid}/stat')", "/proc/"),
    ],
)
def test_a_name_that_windows_lacks_is_found(source: str, name: str) -> None:
    assert list(posix_only(ast.parse(source))) == [name]


# Files

# How each opens a file where no mode is given.
OPENERS = {"open": "r", "fdopen": "r", "NamedTemporaryFile": "w+b", "TemporaryFile": "w+b"}


def text_mode(call: ast.Call) -> str:
    """The mode in which a call opens a text file; empty if it opens none."""
    is_method = isinstance(call.func, ast.Attribute)
    name = getattr(call.func, "attr" if is_method else "id", "")
    if name in ("read_text", "write_text"):
        return str(name[0])
    if name not in OPENERS:
        return ""
    place = 0 if name.endswith("TemporaryFile") or (is_method and name == "open") else 1
    given = [word.value for word in call.keywords if word.arg == "mode"]
    given += call.args[place : place + 1]
    # Something else than a mode is the path that os.open, or another library, is given first.
    constant = given[0].value if given and isinstance(given[0], ast.Constant) else "b"
    mode = str(constant) if given else OPENERS[name]
    return "" if "b" in mode else mode


def unportable_files(tree: ast.AST) -> Iterator[str]:
    """Calls whose file has another content where the locale or the end of a line is another."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (mode := text_mode(node)):
            words = {word.arg for word in node.keywords}
            if mode != "r" and "newline" not in words:
                yield f"{ast.unparse(node)}: newline"
            if "encoding" not in words:
                yield f"{ast.unparse(node)}: encoding"


def test_every_text_file_has_an_encoding_and_ends_of_lines() -> None:
    found = {name: [*unportable_files(tree_of(name))] for name in SOURCES.keys() - STREAMS}

    assert {name: calls for name, calls in found.items() if calls} == {}


@pytest.mark.parametrize(
    ("call", "lacking"),
    [
        ("path.read_text()", ["encoding"]),
        ("(folder / name).write_text(text)", ["newline", "encoding"]),
        ("path.write_text(text, encoding='utf-8')", ["newline"]),
        ("open(path)", ["encoding"]),
        ("path.open('x', encoding='utf-8')", ["newline"]),
        ("os.fdopen(1, 'w', newline='')", ["encoding"]),
        ("NamedTemporaryFile(mode='w')", ["newline", "encoding"]),
        ("path.open('rb')", []),
        ("open(path, mode='wb')", []),
        ("os.open(path, os.O_RDONLY)", []),
        ("archive.open(member)", []),
    ],
)
def test_a_call_that_leaves_it_to_the_system_is_found(call: str, lacking: list[str]) -> None:
    found = unportable_files(ast.parse(call))

    assert [text.rpartition(": ")[2] for text in found] == lacking


RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)
FORBIDDEN = re.compile(r'[^ -~]|[<>:"|?*\\]|[. ]$')
LONGEST = 120  # of the 260 characters of Windows; a virtual environment needs the rest


def test_every_file_has_a_name_for_every_system() -> None:
    folders = [*PACKAGES, *FOLDERS, ROOT / "tests"]
    names = [
        f"{folder.name}/{file.relative_to(folder).as_posix()}"
        for folder in folders
        for file in folder.rglob("*")
        if "__pycache__" not in file.parts
    ]
    parts = {part for name in names for part in name.split("/")}

    assert len(names) > 400
    assert [part for part in parts if RESERVED.fullmatch(part) or FORBIDDEN.search(part)] == []
    assert len({name.lower() for name in names}) == len(names)
    assert [name for name in names if len(name) > LONGEST] == []


@pytest.mark.parametrize("part", ["con", "Aux.json", "a:b", "what?", "end.", "é", "a\\b"])
def test_a_name_that_windows_or_macos_changes_is_found(part: str) -> None:
    assert RESERVED.fullmatch(part) or FORBIDDEN.search(part)


# The folder in which numba keeps its code


@pytest.mark.parametrize(
    ("folder", "private"),
    [("home/AppData/Local", True), ("elsewhere", False), ("home/../elsewhere", False)],
)
def test_without_owners_of_files_a_folder_is_private_in_the_profile_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, private: bool
) -> None:
    """Windows says by access lists, which Python does not read, who may write into a folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.delattr(os, "getuid", raising=False)

    assert _numba_loops.is_private(tmp_path / folder) is private


def test_code_is_put_in_its_place_when_its_file_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows renames no file that is open, and would write another end of a line."""
    opened: list[Any] = []
    make, replace = tempfile.NamedTemporaryFile, os.replace

    def noted(*args: Any, **how: Any) -> Any:
        opened.append(make(*args, **how))
        return opened[-1]

    def refused_while_open(old: str, new: Path) -> None:
        if not all(file.closed for file in opened):
            raise PermissionError(errno.EACCES, "The file is used by another process")
        replace(old, new)

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", noted)
    monkeypatch.setattr(os, "replace", refused_while_open)
    _numba_loops.write_whole(tmp_path / "code.py", "a = 1\nb = 2\n")

    assert "b" in opened[0].mode
    assert (tmp_path / "code.py").read_bytes() == b"a = 1\nb = 2\n"
    assert os.listdir(tmp_path) == ["code.py"]
