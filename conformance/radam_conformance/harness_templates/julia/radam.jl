# Yours to replace: one step of RAdam, here Algorithm 2 in the dialect of the paper. grads, x, m and v
# are Vector{Float64} or Vector{Float32}, by the dtype of the case; x, m and v are yours to change.
# What it cannot do it says by unsupported("a feature") or rejected("a hyper-parameter").
function radam_step!(step, grads, x, m, v, hyper)
    lr, beta1, beta2, eps, decay =
        (hyper[name] for name in ("lr", "beta1", "beta2", "eps", "weight_decay"))
    decoupled, maximize, nesterov =
        (hyper[name] == 1 for name in ("decoupled", "maximize", "nesterov"))
    all(>=(0), (lr, beta1, beta2, eps, decay)) || rejected("a negative hyper-parameter")
    max(beta1, beta2) < 1 || rejected("beta")
    T = eltype(x) # scalar terms are Float64, elements are of the dtype
    t = Float64(step)
    beta1_t, beta2_t = beta1^t, beta2^t
    rho_inf = 2 / (1 - beta2) - 1
    rho_t = rho_inf - 2 * t * beta2_t / (1 - beta2_t)
    r_t = rho_t <= 4 ? 0.0 : sqrt(
        (rho_t - 4) / (rho_inf - 4) * (rho_t - 2) / (rho_inf - 2) * rho_inf / rho_t)
    ahead = nesterov ? beta1 / (1 - beta1_t * beta1) : 1 / (1 - beta1_t)
    for j in eachindex(x)
        g = maximize ? -grads[j] : grads[j]
        if decoupled
            x[j] *= T(1 - lr * decay)
        else
            g += T(decay) * x[j]
        end
        m[j] = T(beta1) * m[j] + T(1 - beta1) * g
        v[j] = T(beta2) * v[j] + T(1 - beta2) * (g * g)
        m_hat = T(ahead) * m[j]
        if nesterov
            m_hat += T((1 - beta1) / (1 - beta1_t)) * g
        end
        root = sqrt(v[j] / T(1 - beta2_t)) + T(eps) # 0 where eps is: no update
        adaptive = root == 0 ? zero(T) : T(r_t) * m_hat / root
        x[j] -= T(lr) * (rho_t > 4 ? adaptive : m_hat)
    end
end
