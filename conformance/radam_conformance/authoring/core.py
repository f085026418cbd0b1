"""The designs of the Core suite: lr, beta1, beta2 and eps on one real tensor, nothing else.

Each design is a case in float64 and one in float32. Hyper-parameters are dyadic (the same number
in every precision) or literal, as people write them; gradients are either written out or drawn as
integers over a power of two, which every machine repeats bit for bit.
"""

from __future__ import annotations

from .branches import BRANCHES
from .denominators import DENOMINATORS
from .sequences import SEQUENCES

DESIGNS = (*BRANCHES, *DENOMINATORS, *SEQUENCES)
