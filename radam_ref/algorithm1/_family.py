"""The methods that the slides name, each by its phi and psi.

Where published variants disagree, the docstring says which one is meant and why.
"""

from __future__ import annotations

from array_api_compat import array_namespace

from .._arguments import step_number
from .._boundary import init as radam_init
from .._boundary import step as radam_step
from .._config import RAdamConfig, real
from .._step import Array, RAdamState
from ._generic import Running, product
from ._parts import GRADIENT, ONE, mean, rate, zeros


def sgd() -> Running:
    """Stochastic gradient descent: phi_t = g_t, psi_t = 1.

    Examples
    --------
    >>> sgd().follow(1, np.ones(1), (None, None))[0]
    array([1.])
    """
    return product(GRADIENT, ONE)


def momentum(beta: float = 0.9) -> Running:
    """Polyak's heavy ball: phi_t = beta phi_(t-1) + g_t, psi_t = 1.

    It is torch.optim.SGD with dampening 0, and optax.sgd. Where g_t is weighted by 1 - beta (an
    average, dampening = beta), alpha means something else by that factor.

    Parameters
    ----------
    beta : float in [0, 1)

    Examples
    --------
    >>> momentum().follow(2, np.ones(1), (np.ones(1), None))[0]
    array([1.9])
    """
    beta = real("beta", beta, below=1.0)

    def follow(t: int, g: Array, m: Array) -> tuple[Array, Array]:
        m = beta * m + g
        return m, m

    return product(Running(zeros, follow), ONE)


def rmsprop(beta2: float = 0.9, eps: float = 1e-8) -> Running:
    """RMSProp as on Hinton's slides: phi_t = g_t, psi_t = 1/(sqrt(v_t) + eps).

    v_t is the average of g^2, neither centered (Graves subtracts the squared average of g, which
    makes it a variance) nor corrected for its start. eps is outside the root, as in Torch, whose
    default beta2 is 0.99; optax has 0.9, and eps inside the root unless eps_in_sqrt=False.

    Parameters
    ----------
    beta2 : float in [0, 1)
    eps : float, at least 0

    Examples
    --------
    >>> rmsprop(0.75, eps=0).follow(1, np.ones(1), (None, np.zeros(1)))[0]
    array([2.])
    """
    return product(GRADIENT, rate(beta2, eps, corrected=False))


def adadelta(beta: float = 0.95, eps: float = 1e-6) -> Running:
    """Zeiler's Adadelta: phi_t = g_t, psi_t = sqrt(u_(t-1) + eps)/sqrt(v_t + eps).

    u is the average of the squares of psi g, the steps before alpha. Zeiler has no alpha, which is
    alpha = 1 here; in Torch and optax it multiplies the finished step, as here, and their default
    beta is 0.9. Zeiler's own experiments have 0.95 and 1e-6.

    Parameters
    ----------
    beta : float in [0, 1)
    eps : float above 0
        With 0 nothing ever moves.

    Examples
    --------
    >>> adadelta().follow(1, np.ones(1), (None, (np.zeros(1), np.zeros(1))))[0].round(6)
    array([0.004472])
    """
    beta, eps = real("beta", beta, below=1.0), real("eps", eps)

    def follow(t: int, g: Array, kept: tuple[Array, Array]) -> tuple[Array, tuple[Array, Array]]:
        u, v = kept
        v = beta * v + (1 - beta) * (g * g)
        sqrt = array_namespace(g).sqrt
        l_t = sqrt(u + eps) / sqrt(v + eps)
        u = beta * u + (1 - beta) * (l_t * g) ** 2
        return l_t, (u, v)

    return product(GRADIENT, Running(lambda params: (zeros(params), zeros(params)), follow))


def adam(beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Running:
    """Adam: phi_t = m_t/(1 - beta1^t), psi_t = 1/(sqrt(v_t/(1 - beta2^t)) + eps).

    As in its Algorithm 1, in Torch and in optax: eps is added to the corrected root. (Kingma and Ba
    also give a form whose eps is added to sqrt(v_t), which TensorFlow has.)

    Parameters
    ----------
    beta1, beta2 : float in [0, 1)
    eps : float, at least 0

    Examples
    --------
    >>> adam().follow(1, np.full(1, 4.0), (np.zeros(1), np.zeros(1)))[0].round(6)
    array([1.])
    """
    return product(mean(beta1), rate(beta2, eps))


def adam_eps(beta1: float = 0.9, beta2: float = 0.999) -> Running:
    """Adam-eps, the slides' second probe: `adam` with a non-negligible eps of 1e-4.

    Examples
    --------
    >>> adam_eps().follow(1, np.full(1, 1e-4), (np.zeros(1), np.zeros(1)))[0].round(6)
    array([0.5])
    """
    return adam(beta1, beta2, eps=1e-4)


def adam_2k(
    beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, steps: int = 2000
) -> Running:
    """Adam-2k, the slides' first probe: v alone for 2,000 additional steps, then Adam.

    In those, parameters and first moment are held; 1 - beta1^t counts from where m begins to move,
    1 - beta2^t from the very first gradient.

    Parameters
    ----------
    beta1, beta2, eps
        As for `adam`.
    steps : int, at least 1
        The paper's 2,000; fewer for a small problem.

    Examples
    --------
    >>> method, g = adam_2k(steps=1), np.full(1, 4.0)
    >>> held, kept = method.follow(1, g, method.start(g))
    >>> held, method.follow(2, g, kept)[0].round(6)
    (array([0.]), array([1.]))
    """
    average, held = mean(beta1), step_number(steps, "steps")

    def follow(t: int, g: Array, m: Array) -> tuple[Array, Array]:
        return average.follow(t - held, g, m) if t > held else (0 * m, m)

    return product(Running(average.start, follow), rate(beta2, eps))


def nadam(beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Running:
    """Nadam as Dozat published it, with its momentum schedule mu_t; psi_t is Adam's.

    phi_t = mu_(t+1) m_t/(1 - mu_1...mu_(t+1)) + (1 - mu_t) g_t/(1 - mu_1...mu_t), where
    mu_t = beta1 (1 - 0.96^(t/250)/2). It is torch.optim.NAdam. optax.nadam and the `nesterov`
    dialects of RAdam keep mu_t = beta1 instead, which moves 1.4 times as far in the first step.

    Parameters
    ----------
    beta1, beta2 : float in [0, 1)
    eps : float, at least 0

    Examples
    --------
    >>> nadam().follow(1, np.ones(1), ((np.zeros(1), 1.0), np.zeros(1)))[0].round(3)
    array([1.056])
    """
    beta1 = real("beta1", beta1, below=1.0)

    def mu(t: int) -> float:
        return float(beta1 * (1 - 0.5 * 0.96 ** (t / 250)))

    def follow(t: int, g: Array, kept: tuple[Array, float]) -> tuple[Array, tuple[Array, float]]:
        m, so_far = beta1 * kept[0] + (1 - beta1) * g, kept[1] * mu(t)
        ahead = mu(t + 1) / (1 - so_far * mu(t + 1))
        return ahead * m + (1 - mu(t)) / (1 - so_far) * g, (m, so_far)

    return product(Running(lambda params: (zeros(params), 1.0), follow), rate(beta2, eps))


def radam(beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Running:
    """RAdam: phi_t is Adam's, psi_t is r_t times Adam's where rho_t > 4, and else 1.

    Algorithm 2 is `radam_ref.step`, and stands nowhere else: its step of size 1 from 0 is -m_t l_t,
    to the bit. So a step of this method gives the bits of `radam_ref.step`.

    Parameters
    ----------
    beta1, beta2 : float in [0, 1)
    eps : float, at least 0

    Examples
    --------
    >>> method, g = radam(), np.full(1, 4.0)
    >>> method.follow(1, g, method.start(g))[0]
    array([4.])
    """
    config = RAdamConfig(lr=1.0, beta1=beta1, beta2=beta2, eps=eps)

    def follow(t: int, g: Array, kept: tuple[Array, Array]) -> tuple[Array, tuple[Array, Array]]:
        moved, state = radam_step(zeros(g), g, RAdamState(t - 1, *kept), config)
        return -moved, (state.m, state.v)

    return Running(lambda params: tuple(radam_init(params)[1:]), follow)
