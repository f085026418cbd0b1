# $title
#     radam-conformance run 'cmd:julia --startup-file=no $name.jl'
include("radam_protocol.jl")

$step
# What a case may need; delete what your port lacks. The dialect is a name, if you know.
const FEATURES = ["tensors", "missing", "schedule", "groups", "state", "shapes", "long",
    "weight_decay", "coupled", "decoupled", "maximize", "nesterov", "invalid"]
serve("$name", "$dialect", ["float64", "float32"], FEATURES, radam_step!)
