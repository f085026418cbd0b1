/* Yours to replace: one step, of one tensor. step counts from 1; c has lr, beta1, beta2, eps,
   weight_decay, decoupled, maximize, nesterov and size. All numbers are of the case's dtype, kept as
   double: where c->is_float32, compute in float. x, m and v are yours to change; m and v are 0 before
   step 1. Returns NULL, or what it cannot do: "unsupported" and a feature, or "rejected" and a
   hyper-parameter. A port that keeps moments of its own starts them anew at step 1. */
static const char *radam_step(const radam_case *c, long step, const double *grads,
                              double *x, double *m, double *v) {
    (void)c, (void)step, (void)grads, (void)x, (void)m, (void)v;
    return "error radam_step is not written yet";
}
