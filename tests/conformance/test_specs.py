"""A spec that cannot be used gives one sentence: what was tried, and what is there instead."""

import sys
from pathlib import Path
from typing import Any

import pytest

from radam_conformance.drivers import load
from radam_conformance.spec import LoadError, SpecError, parse_spec

from ..tiers import marked


@pytest.mark.posix
@pytest.mark.parametrize(
    ("text", "extras", "sentence"),
    marked(
        ("torch:torch.optim.RAdan", {}, "has no attribute 'RAdan'; did you mean 'RAdam'?"),
        ("torch:torch.optmi.RAdam", {}, "there is no module 'torch.optmi' here"),
        ("torch:torch.nn.Linear", {}, "Linear is no optimizer: it has no step method"),
        ("torch:optimi.radam", {}, "radam is a function, no class"),
        ("torch:torch.optim.lr_scheduler.LRScheduler", {}, "is no optimizer: it takes (opti"),
        ("torch:torch.optim.RAdam", {"options": ["foreech=1"]}, "did you mean 'foreach'?"),
        ("torch:torch.optim.RAdam", {"options": ["eps=1"]}, "the cases set eps themselves"),
        ("torch:torch.optim.RAdam", {"renames": ["eps=epsilon"]}, "did you mean 'eps'?"),
        ("optax:optax.raddam", {}, "did you mean 'radam'?"),
        ("optax:optax.apply_updates", {}, "it takes (params, updates), no lr"),
        ("func:nowhere/port.py:step", {}, "there is no file 'nowhere/port.py'"),
        ("func:radam_conformance.nowhere:step", {}, "no module 'radam_conformance.nowhere'"),
        ("func:math:pi", {}, "pi is a float, not a function"),
        ("func:math:sqrt", {}, "cannot be called as step(params, grads, state, hyper)"),
    ),
)
def test_a_port_that_is_not_there_gives_one_sentence(
    text: str, extras: dict[str, list[str]], sentence: str
) -> None:
    with pytest.raises(LoadError) as caught:
        load(parse_spec(text, **extras))

    assert str(caught.value).startswith(f"{text}: ")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("text", "extras", "sentence"),
    [
        ("torch.optim.RAdam", {}, "must begin with one of torch:, optax:, func:, cmd:"),
        ("troch:torch.optim.RAdam", {}, "did you mean torch:?"),
        ("torch:RAdam", {}, "must have the form torch:pkg.mod.Class"),
        ("func:port.py", {}, "must have the form func:path/to/file.py:step"),
        ("cmd:", {}, "must have the form cmd:"),
        ("cmd:'unclosed", {}, "must have the form cmd:"),
        ("cmd:./port", {"options": ["a=1"]}, "--map and --set do not apply"),
        ("func:a.py:step", {"renames": ["lr=alpha"]}, "--map does not apply"),
        ("torch:a.B", {"renames": ["rho=c"]}, "must rename one of lr, beta1"),
        ("torch:a.B", {"options": ["c"]}, "must have the form name=value"),
        ("torch:a.B", {"options": ["c=1", "c=2"]}, "a second time"),
        ("torch:a.B", {"renames": ["lr=c", "eps=c"]}, "gives the argument c to more than one"),
        ("keras:Class", {}, "must have the form keras:pkg.mod.Class"),
        ("optax:a.b", {"compile": True}, "--compile applies to torch: alone, not to 'optax:a.b'"),
        ("cmd:./port", {"compile": True}, "--compile applies to torch: alone"),
        ("torch:a.B", {"arrays": "jax"}, "--arrays applies to func: alone, not to 'torch:a.B'"),
        ("keras:a.B", {"device": "cuda:0"}, "--device applies to torch: and func: alone, not to"),
        ("optax:a.b", {"device": "cuda:0"}, "as by --env JAX_PLATFORMS=cuda"),
        ("cmd:./port", {"device": "cuda:0"}, "not to 'cmd:./port', which has one of its own"),
        ("func:a:b", {"device": "cuda:0"}, "--device applies to --arrays cupy, torch and jax"),
        ("func:a:b", {"arrays": "list"}, "must be one of numpy, cupy, torch, jax, got 'list'"),
    ],
)
def test_a_malformed_spec_gives_one_sentence(
    text: str, extras: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, **extras)

    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("modes", "reason"),
    [
        ({"arrays": "cupy"}, "--arrays cupy cannot be used here: ModuleNotFoundError: "),
        pytest.param(
            {"arrays": "torch", "device": "abacus"},
            "--arrays torch --device abacus cannot be used",
            marks=pytest.mark.torch,
        ),
        pytest.param(
            {"arrays": "jax", "device": "cpu:99"},
            "--arrays jax --device cpu:99 cannot be used",
            marks=pytest.mark.jax,
        ),
    ],
)
def test_arrays_that_cannot_be_made_here_are_said_before_any_case(
    monkeypatch: pytest.MonkeyPatch, modes: dict[str, str], reason: str
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)  # as where it is not installed
    with pytest.raises(LoadError) as caught:
        load(parse_spec("func:math:hypot", **modes))

    assert str(caught.value).startswith(f"func:math:hypot: {reason}")


@pytest.mark.posix
@pytest.mark.torch
def test_a_device_that_is_not_here_is_said_before_any_case() -> None:
    with pytest.raises(LoadError) as caught:
        load(parse_spec("torch:torch.optim.RAdam", device="abacus"))

    said = "torch:torch.optim.RAdam: --device abacus cannot be used here: RuntimeError: "
    assert str(caught.value).startswith(said)


TIMM = {
    "timm/__init__.py": "raise ImportError('timm needs torchvision')",
    "timm/optim/radam.py": "import torch\nclass RAdamLegacy(torch.optim.SGD): pass\n",
    "timm-7.8.dist-info/METADATA": "Name: timm\nVersion: 7.8\n",
}


@pytest.mark.posix
@pytest.mark.torch
def test_the_optimizer_of_timm_is_loaded_where_timm_itself_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in TIMM.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    name = "radam_conformance.ports.timm_legacy"
    monkeypatch.delitem(sys.modules, name, raising=False)
    driver = load(parse_spec(f"torch:{name}.RAdamLegacy"))

    assert driver.version == "7.8"
    assert "weight_decay" in driver.features
    monkeypatch.delitem(sys.modules, name)


def test_values_of_options_are_literals_and_never_run() -> None:
    words = ["a=true", "b=False", "c=1e-3", "d=(0.9, 0.99)", "e=text", "f=__import__('os')"]
    words += ["g={[]: 1}", "h=" + "[" * 10_000, "i=" + "-" * 10_000 + "1"]
    values = parse_spec("torch:a.B", options=words).option_values()

    read = [True, False, 1e-3, (0.9, 0.99), "text", "__import__('os')", "{[]: 1}"]
    assert list(values.values()) == [*read, "[" * 10_000, "-" * 10_000 + "1"]


@pytest.mark.parametrize(
    ("text", "words", "modes"),
    [
        ("torch:a.B", ["--compile"], {"compile": True}),
        ("torch:a.B", ["--device=cuda:1"], {"device": "cuda:1"}),
        ("func:a:b", ["--arrays=jax"], {"arrays": "jax"}),
        (
            "func:a:b",
            ["--arrays=torch", "--device=cuda:1"],
            {"arrays": "torch", "device": "cuda:1"},
        ),
        ("keras:a.b.C", [], {}),
    ],
)
def test_a_worker_is_told_how_the_port_is_run(
    text: str, words: list[str], modes: dict[str, Any]
) -> None:
    spec = parse_spec(text, **modes)

    assert spec.words() == [text, *words]
    assert spec.command()[-len(spec.words()) :] == spec.words()
