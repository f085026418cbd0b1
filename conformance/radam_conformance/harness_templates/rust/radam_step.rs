use std::collections::HashMap;

/// Yours to replace: one step, of one tensor. `step` counts from 1; all numbers are of the case's
/// dtype, kept as f64: where `is_float32`, compute in f32. `x`, `m` and `v` are yours to change; `m`
/// and `v` are 0 before step 1. `hyper` has `lr`, `beta1`, `beta2`, `eps`, `weight_decay`, and as 0
/// or 1 `decoupled`, `maximize` and `nesterov`. What it cannot do it says: "unsupported" and a
/// feature, or "rejected" and a hyper-parameter.
/// A port that keeps moments of its own starts them anew at step 1.
pub fn radam_step(
    _step: usize, _grads: &[f64], _x: &mut [f64], _m: &mut [f64], _v: &mut [f64],
    _hyper: &HashMap<String, f64>, _is_float32: bool,
) -> Result<(), String> {
    Err("error radam_step is not written yet".into())
}
