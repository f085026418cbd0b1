// Yours to replace: one step, of one tensor. step counts from 1; grads, x, m and v are Float32Array or
// Float64Array, by the dtype of the case; x, m and v are yours to change. m and v are 0 before step 1.
// hyper has lr, beta1, beta2, eps, weight_decay, decoupled, maximize and nesterov. To refuse a case
// throw an Error: "unsupported" and a feature, or "rejected" and a hyper-parameter.
// A port that keeps moments of its own starts them anew at step 1.
export const dialect = ""; // its name, if you know
export const features = ["weight_decay", "coupled", "decoupled", "maximize", "nesterov", "long"];

export function radamStep(step, grads, x, m, v, hyper) {
  throw new Error("radamStep is not written yet");
}
