"""How the site is built, with `sphinx-build -W -b html docs OUT`; it needs no network."""

import inspect
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(path) for path in (HERE, ROOT, ROOT / "adapters", ROOT / "conformance")]

from dialects_table import tables  # noqa: E402

project = "radam-ref"
author = "the authors of radam-ref"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

# Markdown as it reads on GitHub, its anchors too.
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

# The docstrings are numpydoc, where `x` is code.
default_role = "code"
napoleon_google_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_param = napoleon_use_rtype = False  # types are words, not names to be linked
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the sections Parameters and Returns say them
autodoc_preserve_defaults = True
autodoc_mock_imports = ["jax", "torch", "cupy", "scipy", "numba"]  # not needed for their docstrings

html_theme = "furo"
html_title = "radam-ref"
html_css_files = ["site.css"]
html_static_path = ["static"]
html_copy_source = False
html_show_sphinx = html_show_copyright = False
highlight_language = "text"  # what a page shows without a language is no Python

OUTSIDE = re.compile(r"\[([^\]]*)\]\(\.\./([^)#]*)\)")


def inside(link: re.Match[str]) -> str:
    """Of a link out of docs: for the README the start, for a file a download, for a folder text."""
    text, target = link.groups()
    if target == "README.md":
        return f"[{text}](start.md)"
    return link.group() if (ROOT / target).is_file() else text


def source_read(app: object, name: str, source: list[str]) -> None:
    """Give a page its links inside the site, and its tables."""
    if "/" not in name:
        source[0] = OUTSIDE.sub(inside, source[0])
    for mark, table in tables().items() if name == "dialects" else ():
        source[0] = source[0].replace(f"<!-- {mark} -->", table)


def docstring(app: object, what: str, name: str, it: object, of: object, lines: list[str]) -> None:
    """Leave * and | as they are: in our docstrings they are mathematics, outside code too."""
    in_example = False
    for n, line in enumerate(lines):
        in_example = bool(line.strip()) and (in_example or line.lstrip().startswith(">>>"))
        if not in_example:
            apart = re.split("(`[^`]*`)", line)
            apart[::2] = [re.sub(r"[*|]", r"\\\g<0>", text) for text in apart[::2]]
            lines[n] = "".join(apart)


def signature(
    app: object, what: str, name: str, it: type, of: object, args: str, returns: str
) -> tuple[str, str] | None:
    """Of a class on top of one that is not imported: what its own `__init__` takes."""
    if what != "class" or args != "(*args, **kwargs)":
        return None
    own = list(inspect.signature(it.__init__).parameters.values())[1:]
    return str(inspect.Signature([each.replace(annotation=each.empty) for each in own])), returns


def setup(app: object) -> None:
    """Called by Sphinx."""
    app.connect("source-read", source_read)  # type: ignore[attr-defined]
    app.connect("autodoc-process-docstring", docstring, priority=400)  # type: ignore[attr-defined]
    app.connect("autodoc-process-signature", signature)  # type: ignore[attr-defined]
