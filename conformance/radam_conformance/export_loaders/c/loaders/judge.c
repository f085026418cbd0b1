/* Judges radam_step by every case of the header:  cc -O2 -o judge judge.c -lm && ./judge */
#include <math.h>
#include <stdio.h>
#include "../radam_vectors.h"
#include "radam_step.c"

/* 1 if the parameters after every observed step are right. Never build it with -ffast-math. */
static int passes(const radam_case *c) {
    double x[RADAM_LARGEST], m[RADAM_LARGEST] = {0}, v[RADAM_LARGEST] = {0};
    for (long j = 0; j < c->size; j++) x[j] = c->x0[j];
    for (long t = 1, k = 0; k < c->observed * c->size; t++) {
        const double *grads = c->gradients + (t - 1) % c->cycle * c->size;
        const char *refusal = radam_step(c, t, grads, x, m, v);
        if (refusal) return printf("not ok %s: %s\n", c->id, refusal), 0;
        if (t != c->observe[k / c->size]) continue;
        for (long j = 0; j < c->size; j++, k++) {
            double error = fabs((x[j] - c->hi[k]) - c->lo[k]);
            if (error <= c->bound[k]) continue; /* false for NaN */
            printf("not ok %s: step %ld, element %ld is %.17g, not %.17g: %.3g times the bound\n",
                   c->id, t, j, x[j], c->hi[k], error / c->bound[k]);
            return 0;
        }
    }
    printf("ok %s\n", c->id);
    return 1;
}

int main(void) {
    long passed = 0;
    for (long k = 0; k < RADAM_CASES; k++) passed += passes(radam_cases + k);
    printf("%ld of %d cases pass, dialect %s\n", passed, RADAM_CASES, RADAM_DIALECT);
    return passed != RADAM_CASES;
}
