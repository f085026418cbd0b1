// $title
//     radam-conformance run 'cmd:node $name.mjs'
import { serve } from "./radam_protocol.mjs";

$step
// What the protocol can do beyond the step; delete what does not fit your port.
const around = ["tensors", "missing", "schedule", "groups", "state", "shapes", "invalid"];
serve("$name", ["float64", "float32"], dialect, [...around, ...features], radamStep);
