use std::collections::HashMap;

/// Yours to replace: one step of RAdam, here Algorithm 2 in the dialect of the paper.
/// All numbers are of the case's dtype, kept as f64: where `is_float32`, compute in f32.
/// `x`, `m` and `v` are yours to change; `m` and `v` are 0 before step 1. `hyper` has `lr`, `beta1`,
/// `beta2`, `eps`, `weight_decay`, and as 0 or 1 `decoupled`, `maximize` and `nesterov`.
/// What it cannot do it says: "unsupported" and a feature, or "rejected" and a hyper-parameter.
pub fn radam_step(
    step: usize, grads: &[f64], x: &mut [f64], m: &mut [f64], v: &mut [f64],
    hyper: &HashMap<String, f64>, is_float32: bool,
) -> Result<(), String> {
    let fl = |y: f64| if is_float32 { y as f32 as f64 } else { y };
    let [lr, beta1, beta2, eps, decay] =
        ["lr", "beta1", "beta2", "eps", "weight_decay"].map(|name| hyper[name]);
    let [decoupled, maximize, nesterov] =
        ["decoupled", "maximize", "nesterov"].map(|name| hyper[name] == 1.0);
    if !([lr, eps, decay].iter().all(|y| *y >= 0.0)
        && [beta1, beta2].iter().all(|y| (0.0..1.0).contains(y)))
    {
        return Err("rejected a hyper-parameter".into());
    }
    let t = step as f64;
    let (beta1_t, beta2_t) = (beta1.powf(t), beta2.powf(t));
    let rho_inf = 2.0 / (1.0 - beta2) - 1.0;
    let rho_t = rho_inf - 2.0 * t * beta2_t / (1.0 - beta2_t);
    let r_t = (rho_t - 4.0) / (rho_inf - 4.0) * (rho_t - 2.0) / (rho_inf - 2.0) * rho_inf / rho_t;
    let ahead = if nesterov { beta1 / (1.0 - beta1_t * beta1) } else { 1.0 / (1.0 - beta1_t) };
    for j in 0..x.len() {
        let mut g = if maximize { -grads[j] } else { grads[j] };
        if decoupled {
            x[j] = fl(fl(1.0 - lr * decay) * x[j]);
        } else {
            g = fl(g + fl(fl(decay) * x[j]));
        }
        m[j] = fl(fl(fl(beta1) * m[j]) + fl(fl(1.0 - beta1) * g));
        v[j] = fl(fl(fl(beta2) * v[j]) + fl(fl(1.0 - beta2) * fl(g * g)));
        let mut m_hat = fl(fl(ahead) * m[j]);
        if nesterov {
            m_hat = fl(m_hat + fl(fl((1.0 - beta1) / (1.0 - beta1_t)) * g));
        }
        let v_hat = fl(v[j] / fl(1.0 - beta2_t));
        let root = fl(fl(v_hat.sqrt()) + fl(eps)); // 0 where eps is: no update
        let adaptive = if root == 0.0 { 0.0 } else { fl(fl(fl(r_t.sqrt()) * m_hat) / root) };
        x[j] = fl(x[j] - fl(fl(lr) * if rho_t > 4.0 { adaptive } else { m_hat }));
    }
    Ok(())
}
