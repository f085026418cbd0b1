/* $title
       cc -O2 -o $name $name.c -lm
       radam-conformance run cmd:./$name */
#define RADAM_IS "name=$name dialect=$dialect" /* its name, if you know */
#define RADAM_DTYPES "float64,float32"
/* What a case may need; delete what your port lacks. */
#define RADAM_FEATURES "tensors,missing,schedule,groups,state,shapes,long," \
    "weight_decay,coupled,decoupled,maximize,nesterov,invalid"
#include "radam_protocol.h"

$step
