/* Protocol 1 of radam-conformance: it reads cases from stdin, calls radam_step for each step and
   tensor, and answers on stdout. Nothing to change here: the file that includes it is yours. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    union {
        struct { double lr, beta1, beta2, eps, weight_decay, decoupled, maximize, nesterov; };
        double hyper[8];
    };
    long size;
    int is_float32;
} radam_case;
static const char *radam_step(const radam_case *, long, const double *, double *, double *, double *);

static const char *const names[] = {
    "lr", "beta1", "beta2", "eps", "weight_decay", "decoupled", "maximize", "nesterov"};
enum { ROOM = 1 << 20, TENSORS = 1000 }; /* more than any case needs */
static char line[17 * ROOM], refusal[200];
static double x[ROOM], m[ROOM], v[ROOM], g[ROOM]; /* tensor i has start[i] <= j < start[i + 1] */
static long start[TENSORS + 1], group[TENSORS], done[TENSORS], none[ROOM], steps, tensors, rows;
static radam_case groups[TENSORS];
static struct change { long t, group, name; double value; } changes[ROOM];
static long changed, is_float32;

static char *word(void) { return strtok(NULL, " \n"); }
static long count(void) { return atol(word()); }
static void require(const char *name) { /* a dtype or feature that is offered */
    char listed[80];
    snprintf(listed, sizeof listed, ",%s,", name);
    if (!*refusal && !strstr("," RADAM_DTYPES "," RADAM_FEATURES ",", listed))
        snprintf(refusal, sizeof refusal, "unsupported %s", name);
}
static double number(const char *hex) { /* 16 digits are a binary64, 8 a binary32, 1 is a flag */
    union { uint64_t bits; double value; } wide = {strtoull(hex, NULL, 16)};
    union { uint32_t bits; float value; } narrow = {(uint32_t)wide.bits};
    size_t digits = strlen(hex);
    return digits == 16 ? wide.value : digits == 8 ? narrow.value : (double)wide.bits;
}
static long fill(double *to) { /* with the words up to the end of the line; -1 if they are `none` */
    double *at = to;
    for (char *hex; (hex = word()); *at++ = number(hex))
        if (*hex == 'n') return -1;
    return at - to;
}
static void show(char name, long t, long i, const double *values) {
    printf("%c %ld %ld", name, t, i);
    for (long j = start[i]; j < start[i + 1]; j++) {
        union { double value; uint64_t bits; } wide = {values[j]};
        union { float value; uint32_t bits; } narrow = {(float)values[j]};
        if (is_float32) printf(" %08" PRIx32, narrow.bits);
        else printf(" %016" PRIx64, wide.bits);
    }
    putchar('\n');
}
static void step(long t) { /* of all tensors that have a gradient */
    for (long k = 0; k < changed; k++)
        if (changes[k].t == t) groups[changes[k].group].hyper[changes[k].name] = changes[k].value;
    for (long i = 0; i < tensors && !*refusal; i++) {
        long row = ((t - 1) * tensors + i) % rows, j = start[i];
        radam_case c = groups[group[i]];
        c.size = start[i + 1] - j, c.is_float32 = (int)is_float32;
        const double *grads = g + row / tensors * start[tensors] + j;
        const char *said = none[row] ? NULL : radam_step(&c, ++done[i], grads, x + j, m + j, v + j);
        if (said) snprintf(refusal, sizeof refusal, "%s", said);
    }
}
static void answer(void) { /* show what the rest of the line asks for, after all steps up to then */
    for (long t = 0, last = 0; !last; ) {
        char *wanted = word();
        for (last = !wanted; t < (last ? steps : atol(wanted)) && !*refusal; ) step(++t);
        for (long i = 0; i < tensors && !last && !*refusal; i++)
            show('x', t, i, x), show('m', t, i, m), show('v', t, i, v);
    }
}
static void take_hyper(void) {
    long t = count(), where = count(), k = 0;
    for (const char *name = word(); strcmp(names[k], name); ) k++;
    changes[changed++] = (struct change){t, where, k, number(word())};
}
static void take_tensor(void) {
    long i = count();
    group[i] = count(), word(), start[i + 1] = start[i] + fill(x + start[i]);
    for (long j = start[i]; j < start[i + 1]; j++) m[j] = v[j] = 0;
    done[i] = 0, tensors = i + 1;
}
static void take_gradient(void) {
    long k = count(), i = count();
    none[rows++] = fill(g + (k - 1) * start[tensors] + start[i]) < 0;
}
static void take_case(const char *kind) { /* a line of it */
    if (!strcmp(kind, "run")) {
        *refusal = '\0', tensors = rows = changed = 0;
        word(), kind = word(), require(kind), is_float32 = !strcmp(kind, "float32"), steps = count();
    } else if (!strcmp(kind, "need")) for (char *name; (name = word()); ) require(name);
    else if (!strcmp(kind, "hyper")) take_hyper();
    else if (!strcmp(kind, "x")) take_tensor();
    else if (!strcmp(kind, "state")) for (long i = 0, t = count(); i < tensors; i++) done[i] = t;
    else if (!strcmp(kind, "m")) fill(m + start[count()]);
    else if (!strcmp(kind, "v")) fill(v + start[count()]);
    else if (!strcmp(kind, "g")) take_gradient();
    else if (!strcmp(kind, "observe")) answer();
}
int main(void) {
    while (fgets(line, sizeof line, stdin)) {
        const char *kind = strtok(line, " \n");
        if (!kind || !strcmp(kind, "quit")) return 0;
        if (!strcmp(kind, "hello"))
            puts("hello 1 language=c " RADAM_IS " dtypes=" RADAM_DTYPES " features=" RADAM_FEATURES);
        else if (!strcmp(kind, "end")) puts(*refusal ? refusal : "end");
        else take_case(kind);
        fflush(stdout);
    }
}
