"""Faults of the state, of arrays and of refusals."""

from __future__ import annotations

from ..fault import Fault, fault, github
from ..lines import APPLY, GROUP, LOADED, SAVED

_STATE = (
    *(
        fault(
            f"saved-without-{name}",
            f"what is saved lacks {name}",
            "S2",
            (SAVED[name], f'"{name}": [0 * one for one in self.{name}]'),
        )
        for name in "tmv"
    ),
    *(
        fault(
            f"loaded-without-{name}",
            f"a given {name} is ignored",
            "S2",
            (f'        self.{name} = list(saved["{name}"])\n', ""),
            source=source,
        )
        for name, source in (("t", github("pmelchior/proxmin/issues/18")), ("m", ""), ("v", ""))
    ),
    fault(
        "saving-counts",
        "saving goes a step further",
        "S2",
        (SAVED["t"], '"t": [t + 1 for t in self.t]'),
        source=github("pytorch/pytorch/issues/164929"),
    ),
    fault(
        "loading-counts",
        "loading falls a step behind",
        "S2",
        (LOADED["t"], 'self.t = [max(0, t - 1) for t in saved["t"]]'),
    ),
    fault(
        "saved-in-binary32",
        "the moments are saved in binary32",
        "S2",
        (SAVED["m"], '"m": [np.asarray(m, np.float32).astype(m.dtype) for m in self.m]'),
    ),
    fault(
        "restored-with-one-count",
        "all tensors are restored with the largest count",
        "S2",
        (LOADED["t"], 'self.t = [max(saved["t"])] * len(saved["t"])'),
        source="pytorch_optimizer 4.1 and optimi 0.3, a count per group",
    ),
    fault(
        "restored-first-tensor-alone",
        "only the first tensor's moments are restored",
        "S2",
        (LOADED["m"], 'self.m[0] = saved["m"][0]'),
        (LOADED["v"], 'self.v[0] = saved["v"][0]'),
    ),
    fault(
        "loaded-t-in-float16",
        "the count is loaded in half precision",
        "S2",
        (LOADED["t"], 'self.t = [int(np.float16(t)) % 2**16 for t in saved["t"]]'),
    ),
    fault(
        "loaded-t-in-int16",
        "the count wraps around where it is loaded",
        "S2",
        (LOADED["t"], 'self.t = [t % 2**15 for t in saved["t"]]'),
    ),
    fault(
        "moments-exchanged",
        "m and v are exchanged where they are loaded",
        "S2",
        ('list(saved["m"])', 'list(saved["v"])'),
        (LOADED["v"], 'self.v = list(saved["m"])'),
    ),
)

_ARRAYS = (
    fault(
        "order-in-memory",
        "elements are taken in the order in memory",
        "S7",
        (GROUP, f"{GROUP}\n            g = g.ravel(order='K').reshape(g.shape)"),
    ),
    fault(
        "axes-reversed",
        "the axes of the gradient come in the wrong order",
        "S7",
        (GROUP, f"{GROUP}\n            g = g.T.reshape(g.shape)"),
    ),
    fault(
        "tail-left-behind",
        "elements behind the last full vector of four do not move",
        "S4",
        (
            APPLY,
            "flat = np.arange(u.size).reshape(u.shape)\n"
            "        u = np.where((u.size > 4) & (flat >= u.size // 4 * 4), 0, u)\n"
            f"        {APPLY}",
        ),
    ),
    fault(
        "block-left-behind",
        "elements behind the first 32 do not move",
        "S4",
        (APPLY, f"u = np.where(np.arange(u.size).reshape(u.shape) < 32, u, 0)\n        {APPLY}"),
    ),
    fault(
        "no-0-d-array",
        "a 0-d array is not expected",
        "S7",
        (GROUP, f"{GROUP}\n            g = g[:]"),
    ),
    fault(
        "no-empty-array",
        "an empty array is not expected",
        "S7",
        (GROUP, f"{GROUP}\n            g = g if np.abs(g).max() >= 0 else g"),
    ),
    fault(
        "gradient-written-to",
        "the gradient is written to",
        "S7",
        (GROUP, f"{GROUP}\n            g *= 1"),
        source="pytorch_optimizer 4.1: maximize negates p.grad in place",
    ),
)

_INVALID = tuple(
    fault(f"{name}-taken", f"{words} is taken", "S6", (f"if not {test}:", f"if not {taken}:"))
    for name, words, test, taken in (
        ("negative-lr", "a negative lr", "h.lr >= 0", "h.lr == h.lr"),
        ("negative-beta1", "a negative beta1", "0 <= h.beta1 < 1", "h.beta1 < 1"),
        ("beta1-of-1", "beta1 = 1", "0 <= h.beta1 < 1", "0 <= h.beta1"),
        ("beta2-of-1", "beta2 = 1", "0 <= h.beta2 < 1", "0 <= h.beta2 <= 1"),
        ("beta2-above-1", "beta2 above 1", "0 <= h.beta2 < 1", "0 <= h.beta2 != 1"),
        ("negative-eps", "a negative eps", "h.eps >= 0", "h.eps == h.eps"),
        ("negative-decay", "a negative weight decay", "h.weight_decay >= 0", "h.lr == h.lr"),
    )
)

STATE: tuple[Fault, ...] = (*_STATE, *_ARRAYS, *_INVALID)
