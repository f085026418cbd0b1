"""`keras:keras_radam.RAdam`: Algorithm 2 as an optimizer of Keras 3, with this folder on the path.

Its scalar terms are binary64, of Python's own floats, so it computes eagerly alone.
"""

import math
from typing import Any

import keras
from keras import ops


class RAdam(keras.optimizers.Optimizer):
    """The paper's RAdam, its decay that of Keras: decoupled, times the learning rate."""

    def __init__(
        self,
        learning_rate: float = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float | None = None,
        name: str = "radam",
    ) -> None:
        decay = weight_decay or 0.0
        if not (learning_rate >= 0 and epsilon >= 0 and decay >= 0):
            raise ValueError("learning_rate, epsilon and weight_decay must be at least 0")
        if not (0 <= beta_1 < 1 and 0 <= beta_2 < 1):
            raise ValueError(f"the betas must be in [0, 1), got {beta_1} and {beta_2}")
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, name=name)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables: list[Any]) -> None:
        """Make the moments."""
        if self.built:
            return
        super().build(variables)
        self._m, self._v = self.add_optimizer_variables(variables, ["m", "v"])

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step for one variable."""
        i, beta1, beta2 = self._get_variable_index(variable), self.beta_1, self.beta_2
        t, lr = int(self.iterations) + 1, float(learning_rate)
        m = beta1 * self._m[i] + (1 - beta1) * gradient
        v = beta2 * self._v[i] + (1 - beta2) * gradient * gradient
        m_hat = m / (1 - beta1**t)
        rho_inf = 2 / (1 - beta2) - 1
        rho_t = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        if rho_t > 4:
            squared = (rho_t - 4) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho_t)
            v_hat = v / (1 - beta2**t)
            m_hat = math.sqrt(squared) * m_hat / (ops.sqrt(v_hat) + self.epsilon)
        self._m[i].assign(m)
        self._v[i].assign(v)
        variable.assign(variable - lr * m_hat)
