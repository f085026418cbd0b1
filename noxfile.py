"""What developers and the gate run: `nox --list` shows the sessions, `nox -s NAME` runs one."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["tests", "lint"]

PARALLEL = ("-n", "auto", "--dist", "loadfile")


def install(session: nox.Session, extra: str) -> None:
    """Install the checkout with an extra, in the versions that were tested.

    With --no-venv the environment is the caller's, who has installed it.
    """
    if session.venv_backend != "none":
        session.install("-q", "-c", "constraints.txt", "-e", f".[{extra}]")


@nox.session
def tests(session: nox.Session) -> None:
    """The fast tier of the tests; arguments after -- go to pytest."""
    install(session, "test")
    session.run("pytest", *PARALLEL, *session.posargs)


@nox.session(name="tests-all")
def tests_all(session: nox.Session) -> None:
    """Every test, with every framework; arguments after -- go to pytest."""
    install(session, "dev")
    session.run("pytest", "-m", "", *PARALLEL, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, layers, spelling, workflows and metadata."""
    install(session, "dev")
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure")
    session.run("mypy")
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation as a site in `site/`; a warning is an error."""
    install(session, "docs")
    session.run("sphinx-build", "-W", "-b", "html", "docs", "site")


@nox.session
def suite(session: nox.Session) -> None:
    """The suite's own checks: every vector by both oracles again, every fault and every variant."""
    install(session, "test")
    session.run("radam-conformance", "verify", "--regenerate")
    session.run("radam-conformance", "selftest")


@nox.session
def wheel(session: nox.Session) -> None:
    """The wheel on newer Pythons, with all extras and the oldest libraries; or -- newer alone."""
    session.install("-q", "-c", "constraints.txt", "build")
    folder = session.create_tmp()
    shutil.rmtree(folder, ignore_errors=True)  # an older wheel may be there
    session.run("python", "-m", "build", "--outdir", folder, silent=True)
    session.run("python", ".ci/contents", folder)
    (built,) = Path(folder).glob("*.whl")
    session.run("bash", ".ci/packaging", str(built), *session.posargs, external=True)


@nox.session(venv_backend="none")
def gate(session: nox.Session) -> None:
    """All that a change must pass, in fresh clones: what `.ci/run` runs."""
    session.run("python3", ".ci/gate.py", interrupt_timeout=60, terminate_timeout=60)
