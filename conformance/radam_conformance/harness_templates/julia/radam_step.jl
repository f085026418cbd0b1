# Yours to replace: one step, of one tensor. step counts from 1; grads, x, m and v are Vector{Float64}
# or Vector{Float32}, by the dtype of the case; x, m and v are yours to change. m and v are 0 before
# step 1. hyper is a Dict with "lr", "beta1", "beta2", "eps", "weight_decay", and as 0.0 or 1.0
# "decoupled", "maximize" and "nesterov". What it cannot do it says by unsupported("a feature") or
# rejected("a hyper-parameter"). A port that keeps moments of its own starts them anew at step 1.
function radam_step!(step, grads, x, m, v, hyper)
    error("radam_step! is not written yet")
end
