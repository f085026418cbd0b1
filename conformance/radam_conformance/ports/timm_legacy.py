"""`torch:radam_conformance.ports.timm_legacy.RAdamLegacy`: the optimizer in timm/optim/radam.py.

The module is run by itself: importing timm imports torchvision too, so `pip install --no-deps timm`
is enough. Its groups share a cache of ten steps
(https://github.com/LiyuanLucasLiu/RAdam/issues/26).
"""

from __future__ import annotations

from ._one_file import module_of

_module = module_of("timm", "optim", "radam.py")
__version__ = _module.__version__
RAdamLegacy = _module.RAdamLegacy
