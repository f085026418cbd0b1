// $title
//     rustc -O -o $name $name.rs
//     radam-conformance run cmd:./$name
mod radam_protocol;

// After dialect= its name, if you know. What a case may need; delete what your port lacks.
const HELLO: &str = "name=$name dialect=$dialect dtypes=float64,float32 \
    features=tensors,missing,schedule,groups,state,shapes,long,\
    weight_decay,coupled,decoupled,maximize,nesterov,invalid";

fn main() {
    radam_protocol::serve(HELLO, radam_step);
}

$step
