"""Names of ports on the command line: `torch:pkg.mod.Class`, `cmd:./harness` and the like."""

from __future__ import annotations

import ast
import difflib
import json
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

FORMS: Mapping[str, str] = {
    "torch": "torch:pkg.mod.Class",
    "optax": "optax:pkg.factory",
    "func": "func:path/to/file.py:step or func:pkg.mod:step",
    "cmd": "cmd:./harness arguments",
    "keras": "keras:pkg.mod.Class",
}
RENAMEABLE = (
    "lr",
    "beta1",
    "beta2",
    "betas",
    "eps",
    "weight_decay",
    "decoupled",
    "maximize",
    "nesterov",
)
ARRAYS = ("numpy", "cupy", "torch", "jax")
PLATFORM = "which takes its platform from the environment, as by --env JAX_PLATFORMS=cuda"

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
_FUNCTION = re.compile(r".+:[^\W\d]\w*")


class SpecError(ValueError):
    """A spec, `--map` or `--set` that is malformed: a usage error, exit code 2."""


class LoadError(RuntimeError):
    """A well-formed spec whose port cannot be loaded or started: exit code 3."""


@dataclass(frozen=True)
class Spec:
    """A port to judge, as `parse_spec` read it.

    Attributes
    ----------
    text : str
        The spec as it was written, used in messages and reports.
    kind : str
        A key of `FORMS`.
    target : str
        What follows the first colon.
    renames : Mapping[str, str]
        Hyper-parameter (one of `RENAMEABLE`) to the port's own argument, from `--map`.
    options : Mapping[str, str]
        Further arguments of the port and the text of their values, from `--set`.
    compile : bool
        Whether a Torch port runs under torch.compile, from `--compile`.
    arrays, device : str
        What arrays a function gets (one of `ARRAYS`), and where these or the parameters of a Torch
        port are, from `--arrays` and `--device`.
    environment : Mapping[str, str]
        What its process finds in the environment besides the judge's own, from `--env`.
    """

    text: str
    kind: str
    target: str
    renames: Mapping[str, str]
    options: Mapping[str, str]
    compile: bool = False
    arrays: str = "numpy"
    device: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self) -> list[str]:
        """Arguments of the process that speaks for this port: a worker, or the `cmd:` itself."""
        if self.kind == "cmd":
            return shlex.split(self.target)
        return [sys.executable, "-m", "radam_conformance.worker", *self._port()]

    def words(self) -> list[str]:
        """The words that name this port on the command line of the judge."""
        return [*self._port(), *(f"--env={name}={v}" for name, v in self.environment.items())]

    def _port(self) -> list[str]:
        """These words without the environment, which a process has from its start."""
        renames = [f"--map={ours}={theirs}" for ours, theirs in self.renames.items()]
        options = [f"--set={name}={value}" for name, value in self.options.items()]
        modes = ["--compile"] * self.compile
        modes += [f"--arrays={self.arrays}"] * (self.arrays != "numpy")
        modes += [f"--device={self.device}"] * bool(self.device)
        return [self.text, *renames, *options, *modes]

    def option_values(self) -> dict[str, object]:
        """Values of the options: JSON or Python literals, anything else as the string it is."""
        return {name: _literal(text) for name, text in self.options.items()}


def parse_spec(
    text: str,
    renames: Sequence[str] = (),
    options: Sequence[str] = (),
    *,
    compile: bool = False,
    arrays: str = "numpy",
    device: str = "",
    environment: Sequence[str] = (),
) -> Spec:
    """Spec of a port.

    Parameters
    ----------
    text : str
        A form of `FORMS`, e.g. "torch:torch.optim.RAdam".
    renames, options : sequence of str
        "name=value" words of `--map` and `--set`.
    compile : bool
        `--compile`, for `torch:` alone.
    arrays, device : str
        `--arrays`, for `func:` alone, and `--device`, for `torch:` too.
    environment : sequence of str
        "NAME=value" words of `--env`.

    Raises
    ------
    SpecError
        In one sentence: what was written and what is allowed.
    """
    kind, colon, target = text.partition(":")
    if not colon or kind not in FORMS:
        near = difflib.get_close_matches(kind, FORMS, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}:?" if colon and near else ""
        raise SpecError(f"spec {text!r} must begin with one of {_listed(FORMS)}{hint}")
    if not _well_formed(kind, target):
        raise SpecError(f"spec {text!r} must have the form {FORMS[kind]}")
    pairs = _pairs("--map", renames), _pairs("--set", options)
    variables = _pairs("--env", environment)
    spec = Spec(text, kind, target, *pairs, compile, arrays, device, variables)
    _check_extras(spec)
    return spec


def _well_formed(kind: str, target: str) -> bool:
    if kind == "cmd":
        try:
            return bool(shlex.split(target))
        except ValueError:
            return False
    return (_FUNCTION if kind == "func" else _DOTTED).fullmatch(target) is not None


def _check_extras(spec: Spec) -> None:
    if spec.kind == "cmd" and (spec.renames or spec.options):
        raise SpecError(f"--map and --set do not apply to {spec.text!r}: a command sets its own")
    if spec.kind == "func" and spec.renames:
        raise SpecError(f"--map does not apply to {spec.text!r}: hyper always has the same names")
    if spec.compile and spec.kind != "torch":
        raise SpecError(f"--compile applies to torch: alone, not to {spec.text!r}")
    if spec.arrays not in ARRAYS:
        raise SpecError(f"--arrays must be one of {', '.join(ARRAYS)}, got {spec.arrays!r}")
    if spec.kind != "func" and spec.arrays != "numpy":
        raise SpecError(f"--arrays applies to func: alone, not to {spec.text!r}")
    if spec.kind not in ("func", "torch") and spec.device:
        own = "which has one of its own" if spec.kind == "cmd" else PLATFORM
        raise SpecError(f"--device applies to torch: and func: alone, not to {spec.text!r}, {own}")
    if spec.kind == "func" and spec.device and spec.arrays == "numpy":
        raise SpecError("--device applies to --arrays cupy, torch and jax; NumPy has no devices")
    for ours in spec.renames:
        if ours not in RENAMEABLE:
            raise SpecError(f"--map {ours}=... must rename one of {', '.join(RENAMEABLE)}")
    targets = list(spec.renames.values())
    if twice := sorted({name for name in targets if targets.count(name) > 1}):
        raise SpecError(f"--map gives the argument {twice[0]} to more than one hyper-parameter")


def _pairs(flag: str, words: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier() or not value:
            raise SpecError(f"{flag} {word!r} must have the form name=value")
        if name in pairs:
            raise SpecError(f"{flag} {word!r} gives {name} a second time")
        pairs[name] = value
    return pairs


def _literal(text: str) -> object:
    for read in (json.loads, ast.literal_eval):
        try:
            value: object = read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        return value
    return text


def _listed(kinds: Mapping[str, str]) -> str:
    return ", ".join(f"{kind}:" for kind in kinds)
