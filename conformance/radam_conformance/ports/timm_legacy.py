"""`torch:radam_conformance.ports.timm_legacy.RAdamLegacy`: the optimizer in timm/optim/radam.py.

The module is run by itself: importing timm imports torchvision too, which no optimizer needs, so
`pip install --no-deps timm` is enough. Its groups share a cache of ten steps
(https://github.com/LiyuanLucasLiu/RAdam/issues/26).
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.metadata import version
from pathlib import Path

_package = importlib.util.find_spec("timm")
if _package is None or _package.origin is None:
    raise ModuleNotFoundError("No module named 'timm'", name="timm")
_path = Path(_package.origin).parent / "optim" / "radam.py"
_spec = importlib.util.spec_from_file_location("_timm_radam", _path)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules[_module.__name__] = _module  # torch.compile looks it up
_spec.loader.exec_module(_module)

__version__ = version("timm")
RAdamLegacy = _module.RAdamLegacy
