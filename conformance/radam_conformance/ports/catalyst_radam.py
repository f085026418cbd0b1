"""`torch:radam_conformance.ports.catalyst_radam.RAdam`: that of catalyst/contrib/optimizers.

The module is run by itself: `pip install --no-deps catalyst` is enough. Its groups share a cache of
ten steps (https://github.com/LiyuanLucasLiu/RAdam/issues/26).
"""

from __future__ import annotations

from ._one_file import module_of

_module = module_of("catalyst", "contrib", "optimizers", "radam.py")
__version__ = _module.__version__
RAdam = _module.RAdam
