// Yours to replace: one step of RAdam, here Algorithm 2 in the dialect of the paper.
// grads, x, m and v are Float32Array or Float64Array, by the dtype of the case; x, m and v are
// yours to change. m and v are 0 before step 1. What it cannot do it throws as an Error: "unsupported"
// and a feature, or "rejected" and a hyper-parameter.
export const dialect = "paper"; // what is expected: a key of `expected` in the case files
export const features = ["weight_decay", "coupled", "decoupled", "maximize", "nesterov", "long"];

export function radamStep(step, grads, x, m, v, hyper) {
  const { lr, beta1, beta2, eps, weight_decay, decoupled, maximize, nesterov } = hyper;
  const positive = [lr, beta1, beta2, eps, weight_decay].every((y) => y >= 0);
  if (!(positive && beta1 < 1 && beta2 < 1)) throw new Error("rejected a hyper-parameter");
  const fl = x instanceof Float32Array ? Math.fround : (y) => y;
  const t = step, beta1_t = beta1 ** t, beta2_t = beta2 ** t;
  const rho_inf = 2 / (1 - beta2) - 1, rho_t = rho_inf - (2 * t * beta2_t) / (1 - beta2_t);
  const r_t = Math.sqrt(
    ((((rho_t - 4) / (rho_inf - 4)) * (rho_t - 2)) / (rho_inf - 2)) * (rho_inf / rho_t),
  );
  const ahead = nesterov ? beta1 / (1 - beta1_t * beta1) : 1 / (1 - beta1_t);
  for (let j = 0; j < x.length; j++) {
    let g = maximize ? -grads[j] : grads[j];
    if (decoupled) x[j] *= fl(1 - lr * weight_decay);
    else g = fl(g + fl(fl(weight_decay) * x[j]));
    m[j] = fl(fl(beta1) * m[j]) + fl(fl(1 - beta1) * g);
    v[j] = fl(fl(beta2) * v[j]) + fl(fl(1 - beta2) * fl(g * g));
    let m_hat = fl(fl(ahead) * m[j]);
    if (nesterov) m_hat = fl(m_hat + fl(fl((1 - beta1) / (1 - beta1_t)) * g));
    const v_hat = fl(v[j] / fl(1 - beta2_t));
    const root = fl(fl(Math.sqrt(v_hat)) + fl(eps)); // 0 where eps is: no update
    const adaptive = root === 0 ? 0 : fl(fl(fl(r_t) * m_hat) / root);
    x[j] -= fl(fl(lr) * (rho_t > 4 ? adaptive : m_hat));
  }
}
