"""Algorithm 1, the paper's generic adaptive method, and the family that it names.

    m_t = phi_t(g_1, ..., g_t)      l_t = psi_t(g_1, ..., g_t)      theta -= alpha_t m_t l_t

phi and psi are written as they are computed, one gradient after the other: a `Running` value. So
is their product, which is all that line 5 needs of a method. Arrays may be NumPy's, Torch's, JAX's
or of any other array-API namespace, in float32 or float64; t is an int.

Examples
--------
>>> x, method = np.asarray([1.0, -2.0]), adam()
>>> state = init(x, method)
>>> for _ in range(200):
...     x, state = step(x, 2 * x, state, method, 0.05)  # the gradient of x^2
>>> bool(abs(x).max() < 0.01)
True
"""

from ._family import adadelta, adam, adam_2k, adam_eps, momentum, nadam, radam, rmsprop, sgd
from ._generic import Running, State, init, product, step

__all__ = [
    "Running",
    "State",
    "adadelta",
    "adam",
    "adam_2k",
    "adam_eps",
    "init",
    "momentum",
    "nadam",
    "product",
    "radam",
    "rmsprop",
    "sgd",
    "step",
]
