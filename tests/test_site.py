"""The site: it builds without a warning, every link in it leads somewhere, a browser shows it."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest

import radam_conformance
import radam_ref
from radam_ref import optimize

pytestmark = [pytest.mark.slow, pytest.mark.docs]

DOCS = Path(__file__).parents[1] / "docs"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Page(HTMLParser):
    """Where a page leads to, and the places in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.targets.append(value)
            elif name == "id" and value:
                self.places.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-W", "ignore", "-m", "sphinx", "-W", "-q", "-b", "html", DOCS, out]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    return out


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


def script(name: str) -> ModuleType:
    """A script of docs, which is no package."""
    found = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_every_page_is_in_the_site(pages: dict[Path, Page], site: Path) -> None:
    written = {path.relative_to(DOCS).with_suffix("") for path in DOCS.rglob("*.md")}
    built = {path.relative_to(site).with_suffix("") for path in pages}

    assert written <= built
    assert len(written) > 20


def test_every_link_inside_leads_to_a_file_and_a_place_in_it(pages: dict[Path, Page]) -> None:
    broken, followed = [], 0
    for path, page in pages.items():
        for target in page.targets:
            url = urlsplit(target)
            if url.scheme or url.netloc:
                continue
            followed += 1
            to = (path.parent / unquote(url.path)).resolve() if url.path else path
            place = unquote(url.fragment)
            there = to.exists() and (not place or to not in pages or place in pages[to].places)
            if not there:
                broken.append(f"{path.name}: {target}")

    assert broken == []
    assert followed > 500


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    loads = re.compile(r"<(?:script|img|iframe)[^>]*src=\"http|<link[^>]*href=\"http|@import")

    assert [path.name for path in site.rglob("*.html") if loads.search(path.read_text())] == []


def test_every_public_name_is_on_the_pages_about_the_api(pages: dict[Path, Page]) -> None:
    places = set().union(
        *(page.places for path, page in pages.items() if path.parent.name == "api")
    )
    modules = ("algorithm1", "schedules", "variance")
    names = [f"radam_ref.{name}" for name in radam_ref.__all__ if name not in modules]
    names += [
        f"radam_ref.{part}.{name}" for part in modules for name in getattr(radam_ref, part).__all__
    ]
    names += [
        f"radam_ref.optimize.{name}" for name in optimize.__all__ if name not in ("prox", "stop")
    ]
    names += [f"radam_conformance.{name}" for name in radam_conformance.__all__]
    elsewhere = {f"radam_ref.{name}" for name in ("minimize", "Stepper")}  # on that of optimize

    assert [name for name in names if name not in places | elsewhere] == []


def test_every_dialect_is_in_both_tables(site: Path) -> None:
    text = (site / "dialects.html").read_text()
    first, second = re.findall(r"<tbody>(.*?)</tbody>", text, re.S)

    for name in radam_ref.dialects:
        assert f">{name}</span>" in re.sub(r"</span>\s*<span class=\"pre\">", "", first)
        assert f">{name}</span>" in second


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("name", ["index", "dialects"])
def test_a_browser_shows_the_page(site: Path, tmp_path: Path, name: str) -> None:
    """Phones too: nothing but tables and code, which scroll in their frames, is wider than 500."""
    probe = tmp_path / "probe.html"
    page = (site / f"{name}.html").read_text()
    base = f'<base href="{site.as_uri()}/">'
    measure = (
        "<script>addEventListener('load', () => {document.body.dataset.measured ="
        " [document.documentElement.scrollWidth, document.images.length].join(' ')})</script>"
    )
    probe.write_text(page.replace("<head>", f"<head>{base}{measure}", 1))
    done = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--window-size=500,900",
            "--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=5000", "--dump-dom", probe.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    measured = re.search(r'data-measured="(\d+) \d+"', done.stdout)

    assert title is not None
    assert "radam-ref" in title[1]
    assert measured is not None
    assert int(measured[1]) <= 500


def test_the_picture_of_the_rooms_is_what_the_sources_say() -> None:
    pytest.importorskip("grimp", reason="grimp is not installed: pip install import-linter")
    rooms = script("draw_rooms")

    assert rooms.PICTURE.read_text(encoding="utf-8") == rooms.drawn()
    assert not any(to.startswith(("radam_adapters", "radam_conf")) for _, to in rooms.imports())
