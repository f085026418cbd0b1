"""S4: the compilers that take the formula as it is give the bits of the plain step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from radam_ref import (
    Coefficients,
    Dialect,
    Form,
    RAdamConfig,
    RAdamState,
    coefficients,
    formula,
    init,
    step,
)

from ..tiers import torch
from .cplusplus import compile_forms

Array = np.ndarray[Any, Any]
Lane = list[Any]  # params, grads, m, v of one dialect; (re, im) pairs where |g|^2 is in a real v
Compiled = Callable[[Sequence[Lane], Sequence[Coefficients]], list[Any]]
Forms = Sequence[tuple[Form, bool]]  # of all lanes; whether |g|^2 is in a real v
Compiler = Callable[[Forms, Forms, str, Path], tuple[Compiled, Compiled]]

STEPS, SIZE = 300, 67  # 67 is no multiple of a vector's length
RECTIFIED = 6
PAPER = Dialect(threshold=5.0)  # one threshold, so that all lanes begin to rectify together
DECAY = {"lr": 1.0, "weight_decay": 0.1}
CONFIGS = {
    "paper": RAdamConfig(1.0, dialect=PAPER),
    "hold": RAdamConfig(**DECAY, dialect=replace(PAPER, unrectified="hold")),
    "coupled": RAdamConfig(**DECAY, dialect="pytorch"),
    "decoupled, nesterov": RAdamConfig(**DECAY, beta2=0.99, dialect=replace(PAPER, nesterov=True)),
    "eps_root, maximize": RAdamConfig(1.0, maximize=True, dialect=replace(PAPER, eps_root=1e-3)),
    "eps-zero": RAdamConfig(1.0, eps=0.0, dialect=PAPER),
    "complex-modulus": RAdamConfig(**DECAY, dialect=PAPER),
    "complex-eps-zero": RAdamConfig(1.0, eps=0.0, dialect=PAPER),
    "complex-componentwise": RAdamConfig(**DECAY, maximize=True, dialect="pytorch"),
}


def is_modulus(name: str) -> bool:
    return name.startswith("complex") and name != "complex-componentwise"


def gradients(dtype: str, seed: int) -> Array:
    """Of many magnitudes, down to squares that underflow, with zeros and one element always 0."""
    rng = np.random.default_rng(seed)
    g = rng.standard_normal((STEPS, SIZE)) * 10.0 ** rng.uniform(-4, 4, SIZE)
    g[rng.random(g.shape) < 0.1] = 0
    g[:, 0] = 0
    g[:, 1] *= 1e-24
    return g.astype(dtype)


def start(name: str, dtype: str) -> list[Array]:
    z = np.zeros(SIZE, dtype)
    complex_z = z + 0j * z
    if name == "complex-componentwise":
        return [complex_z] * 4
    return [complex_z, complex_z, complex_z, z] if is_modulus(name) else [z] * 4


def plain_run(name: str, dtype: str) -> Iterator[tuple[Array, Array, RAdamState]]:
    """Gradient, params and state of each step of `step` on NumPy arrays, from 0."""
    grads = gradients(dtype, seed=1)
    if name.startswith("complex"):
        grads = grads + 1j * gradients(dtype, seed=2)
    x = np.zeros_like(grads[0])
    state = init(x)
    for g in grads:
        x, state = step(x, g, state, CONFIGS[name])
        yield g, x, state


def as_lane(name: str, arrays: Sequence[Array]) -> Lane:
    """The arrays as the formula takes them: real, or (re, im) pairs beside a real v."""
    if is_modulus(name):
        return [(z.real.copy(), z.imag.copy()) if np.iscomplexobj(z) else z for z in arrays]
    return [z.view(z.real.dtype).copy() for z in arrays]


def cast(c: Coefficients, to: Callable[[float], Any]) -> Coefficients:
    return Coefficients(*(x if isinstance(x, bool) else to(x) for x in c))


def by_numba(before: Forms, after: Forms, dtype: str, folder: Path) -> tuple[Compiled, Compiled]:
    """A plain loop over the elements, in numba."""
    inner = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)  # compiles twice as fast
    compiled: dict[Any, Any] = {}

    def once(function: Callable[..., Any]) -> Any:
        """Forms share most of their functions: those of the same code and the same names in it."""
        enclosed = tuple(cell.cell_contents for cell in function.__closure__ or ())
        return compiled.setdefault((function.__code__, enclosed), inner(function))

    where = inner(lambda condition, x, y: x if condition else y)

    def loop(form: Form, modulus: bool) -> Callable[..., None]:
        update = formula(np.sqrt, where, form, once)[modulus]

        @numba.njit
        def real(x: Any, g: Any, m: Any, v: Any, c: Any) -> None:
            for i in range(x.size):
                x[i], m[i], v[i] = update(x[i], g[i], m[i], v[i], c)

        @numba.njit
        def pairs(x: Any, g: Any, m: Any, v: Any, c: Any) -> None:
            (x_re, x_im), (g_re, g_im), (m_re, m_im) = x, g, m
            for i in range(v.size):
                (x_re[i], x_im[i]), (m_re[i], m_im[i]), v[i] = update(
                    (x_re[i], x_im[i]), (g_re[i], g_im[i]), (m_re[i], m_im[i]), v[i], c
                )

        return pairs if modulus else real

    def run(loops: Any, lanes: Sequence[Lane], cs: Sequence[Coefficients]) -> list[Any]:
        for update, lane, c in zip(loops, lanes, cs, strict=True):
            update(*lane, cast(c, np.dtype(dtype).type))
        return [(x, m, v) for x, _, m, v in lanes]

    loops = [[loop(*form) for form in forms] for forms in (before, after)]
    return partial(run, loops[0]), partial(run, loops[1])


def by_torch(before: Forms, after: Forms, dtype: str, folder: Path) -> tuple[Compiled, Compiled]:
    """One graph for all forms, of which half is used: each kernel costs the compiler seconds."""
    updates = [
        [formula(torch.sqrt, torch.where, form)[modulus] for form, modulus in forms]
        for forms in (before, after)
    ]

    @torch.compile(fullgraph=True)
    def advance(lanes: Any, cs: Any) -> Any:
        return [
            [update(*lane, c) for update, lane, c in zip(half, lanes, cs, strict=True)]
            for half in updates
        ]

    def convert(tree: Any, leaf: Callable[[Any], Any]) -> Any:
        return tuple(convert(x, leaf) for x in tree) if isinstance(tree, tuple) else leaf(tree)

    def run(half: int, lanes: Sequence[Lane], cs: Sequence[Coefficients]) -> list[Any]:
        tensors = [convert(tuple(lane), torch.from_numpy) for lane in lanes]
        scalars = [cast(c, lambda x: torch.tensor(x, dtype=getattr(torch, dtype))) for c in cs]
        return convert(tuple(map(tuple, advance(tensors, scalars)[half])), lambda x: x.numpy())

    return partial(run, 0), partial(run, 1)


def by_gcc(before: Forms, after: Forms, dtype: str, folder: Path) -> tuple[Compiled, Compiled]:
    """C++ text traced from the formula."""
    compiled = compile_forms([*before, *after], dtype, folder)

    def run(updates: Any, lanes: Sequence[Lane], cs: Sequence[Coefficients]) -> list[Any]:
        for update, lane, c in zip(updates, lanes, cs, strict=True):
            update(c, [z for pair in lane for z in (pair if isinstance(pair, tuple) else (pair,))])
        return [(x, m, v) for x, _, m, v in lanes]

    half = len(before)
    return partial(run, compiled[:half]), partial(run, compiled[half:])


def forms_of(t: int, dtype: str) -> Forms:
    """Those of all lanes in a step."""
    return [
        (coefficients(t, config, config.lr, dtype)[0], is_modulus(name))
        for name, config in CONFIGS.items()
    ]


def assert_same_bits(name: str, t: int, got: Any, expected: Any) -> None:
    for part, a, b in zip(("params", "m", "v"), got, expected, strict=True):
        for x, y in zip(*(z if isinstance(z, tuple) else (z,) for z in (a, b)), strict=True):
            bits = f"u{x.itemsize}"
            assert np.array_equal(x.view(bits), y.view(bits)), f"{part} of {name} at step {t}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")  # in inductor itself
@pytest.mark.slow
@pytest.mark.parametrize(
    "compiler",
    [
        by_numba,
        pytest.param(by_torch, marks=[pytest.mark.torch, pytest.mark.posix]),
        pytest.param(by_gcc, marks=pytest.mark.posix),
    ],
)
def test_compiled_runs_have_the_bits_of_the_plain_step(
    compiler: Compiler, dtype: str, tmp_path: Path
) -> None:
    """From x0 = 0 with lr = 1, so that nothing hides."""
    lanes = {name: as_lane(name, start(name, dtype)) for name in CONFIGS}
    runs = zip(*(plain_run(name, dtype) for name in CONFIGS), strict=True)
    forms = [forms_of(t, dtype) for t in (1, STEPS)]
    before, after = compiler(*forms, dtype, tmp_path)
    for t, plain in enumerate(runs, 1):
        assert forms_of(t, dtype) == forms[t >= RECTIFIED]
        compiled = after if t >= RECTIFIED else before
        expected = {}
        for name, (g, x, state) in zip(CONFIGS, plain, strict=True):
            lanes[name][1:2] = as_lane(name, [g])
            expected[name] = as_lane(name, [x, state.m, state.v])
        cs = [coefficients(t, config, config.lr, dtype)[1] for config in CONFIGS.values()]
        results = compiled(list(lanes.values()), cs)
        for name, (x, m, v) in zip(CONFIGS, results, strict=True):
            assert_same_bits(name, t, (x, m, v), expected[name])
            lanes[name] = [x, None, m, v]
