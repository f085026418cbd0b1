/* Yours to replace: one step of RAdam, here Algorithm 2 in the dialect of the paper.
   All numbers are of the case's dtype, kept as double: where c->is_float32, compute in float.
   x, m and v are yours to change; m and v are 0 before step 1. Returns NULL, or what it cannot do:
   "unsupported" and a feature, or "rejected" and a hyper-parameter. */
static double fl(const radam_case *c, double y) { return c->is_float32 ? (float)y : y; }

static const char *radam_step(const radam_case *c, long step, const double *grads,
                              double *x, double *m, double *v) {
    if (!(c->lr >= 0 && c->eps >= 0 && c->weight_decay >= 0)) return "rejected lr, eps or decay";
    if (!(c->beta1 >= 0 && c->beta1 < 1 && c->beta2 >= 0 && c->beta2 < 1)) return "rejected betas";
    double t = step, beta1_t = pow(c->beta1, t), beta2_t = pow(c->beta2, t);
    double rho_inf = 2 / (1 - c->beta2) - 1, rho_t = rho_inf - 2 * t * beta2_t / (1 - beta2_t);
    double r_t = sqrt((rho_t - 4) / (rho_inf - 4) * (rho_t - 2) / (rho_inf - 2) * rho_inf / rho_t);
    double shrink = fl(c, 1 - c->lr * c->weight_decay);
    double ahead = c->nesterov ? c->beta1 / (1 - beta1_t * c->beta1) : 1 / (1 - beta1_t);
    for (long j = 0; j < c->size; j++) {
        double g = c->maximize ? -grads[j] : grads[j];
        if (c->decoupled) x[j] = fl(c, shrink * x[j]);
        else g = fl(c, g + fl(c, fl(c, c->weight_decay) * x[j]));
        m[j] = fl(c, fl(c, fl(c, c->beta1) * m[j]) + fl(c, fl(c, 1 - c->beta1) * g));
        v[j] = fl(c, fl(c, fl(c, c->beta2) * v[j]) + fl(c, fl(c, 1 - c->beta2) * fl(c, g * g)));
        double m_hat = fl(c, fl(c, ahead) * m[j]);
        if (c->nesterov) m_hat = fl(c, m_hat + fl(c, fl(c, (1 - c->beta1) / (1 - beta1_t)) * g));
        double v_hat = fl(c, v[j] / fl(c, 1 - beta2_t));
        double root = fl(c, fl(c, sqrt(v_hat)) + fl(c, c->eps)); /* 0 where eps is: no update */
        double adaptive = root == 0 ? 0 : fl(c, fl(c, fl(c, r_t) * m_hat) / root);
        x[j] = fl(c, x[j] - fl(c, fl(c, c->lr) * (rho_t > 4 ? adaptive : m_hat)));
    }
    return NULL;
}
