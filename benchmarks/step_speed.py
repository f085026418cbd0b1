"""One step of RAdam against those of other optimizers, and against the memory traffic alone.

`python benchmarks/step_speed.py` from the checkout measures all, `--quick` the small sizes only;
`--only NAME` (a part of a name, repeatable) some. Those that fit into memory together are timed in
alternation, in a changing order; otherwise each alternates with the limit. A time is the median of
the turns, and the spread their quartiles. JSON and a chart go to benchmarks/results, unless some
were left out with `--only`; results of the same case, day and machine are replaced. `--gpu` runs
on a GPU, and `--chart JSON` measures nothing and draws the chart of stored results.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import io
import json
import os
import platform
import warnings
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import contenders
import gpu_contenders
import matplotlib.pyplot as plt
import numpy as np
from contenders import FUSED, LIMIT, Shapes, Step
from matplotlib.ticker import EngFormatter
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table
from shapes import gpt2_small, resnet18

SIZES = (10, 1_000, 100_000, 10_000_000, 100_000_000)
CASES: dict[str, Shapes] = {f"{size:.0e}": [(size,)] for size in SIZES} | {
    "2e+07": [(20_000_000,)],
    "ResNet-18": resnet18(),
    "GPT-2-small": gpt2_small(),
}
QUICK = ("1e+01", "1e+03", "1e+05")
TURNS, A_TURN = 15, 5e-3  # turns, and seconds that one of them takes at least
TOGETHER = 4e9  # bytes of all contenders that take turns
RESULTS = Path(__file__).with_name("results")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="to 1e5, float32, not compiled by Torch"
    )
    parser.add_argument("--only", action="append", default=[], help="a part of a contender's name")
    parser.add_argument("--case", action="append", default=[], help=", ".join(CASES))
    parser.add_argument("--gpu", action="store_true", help="on a GPU, by Torch and CuPy")
    parser.add_argument(
        "--chart",
        metavar="JSON",
        type=Path,
        help="draw the chart of these results, measure nothing",
    )
    options = parser.parse_args()
    if options.chart:
        print(chart(json.loads(options.chart.read_text(encoding="utf-8")), options.chart))
        return
    kinds = gpu_contenders if options.gpu else contenders
    if kinds is contenders and find_spec("numba") is None:
        parser.error("the limit is a loop of numba's: pip install numba")
    names = [
        name
        for name in kinds.CONTENDERS
        if name in (LIMIT, FUSED)
        or (any(part in name for part in options.only) if options.only else True)
    ]
    if options.quick:
        names = [name for name in names if name != "torch RAdam compiled"]
    cases = options.case or (QUICK if options.quick else CASES)
    dtypes = ("float32",) if options.quick else ("float32", "float64")
    jobs = [(case, dtype) for dtype in dtypes for case in cases]
    console, results = Console(width=100), []
    for case, dtype in track(jobs, "measuring", console=console):
        rows = measured(kinds, CASES[case], dtype, names)
        load = os.getloadavg() if hasattr(os, "getloadavg") else None  # not on Windows
        results += [{"case": case, "dtype": dtype, "load": load, **row} for row in rows]
        console.print(table(case, dtype, rows))
        if not options.only:  # what there is, should this be interrupted
            console.print(write(kinds, results))


def measured(kinds: Any, shapes: Shapes, dtype: str, names: list[str]) -> list[dict[str, Any]]:
    """A row for each contender that is installed and can do it."""
    size = sum(int(np.prod(shape)) for shape in shapes)
    heavy = size * np.dtype(dtype).itemsize * 6 * len(names) > TOGETHER
    groups = [[LIMIT, name] for name in names if name != LIMIT] if heavy else [names]
    rows: dict[str, dict[str, Any]] = {}
    for group in groups:
        for row in in_turns(kinds, shapes, dtype, group):
            rows.setdefault(row["name"], row)
        gc.collect()
    return list(rows.values())


def in_turns(kinds: Any, shapes: Shapes, dtype: str, names: list[str]) -> Iterator[dict[str, Any]]:
    steps = {name: step for name in names if (step := ready(kinds, name, shapes, dtype))}
    counts = {name: count_of_a_turn(step, kinds.finish) for name, step in steps.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(TURNS):
        order = list(steps)
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            times[name].append(seconds(steps[name], counts[name], kinds.finish))
    for name, step in steps.items():
        low, _, high = quantiles(times[name], n=4)
        ratio = median(mine / least for mine, least in zip(times[name], times[LIMIT], strict=True))
        yield {
            "name": name, "seconds": median(times[name]), "quartiles": [low, high],
            "of_limit": ratio, "extra_bytes": extra_bytes(step),
        }  # fmt: skip


def ready(kinds: Any, name: str, shapes: Shapes, dtype: str) -> Step | None:
    """Its step, past the first rectified one; None where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            step = kinds.CONTENDERS[name](shapes, dtype)
            for _ in range(8):
                step()
        except ModuleNotFoundError:
            return None
    return step


def seconds(step: Step, count: int, finish: Step) -> float:
    finish()
    start = perf_counter()
    for _ in range(count):
        step()
    finish()
    return (perf_counter() - start) / count


def count_of_a_turn(step: Step, finish: Step) -> int:
    """As many steps as take long enough to be timed."""
    count = 1
    while count * seconds(step, count, finish) < A_TURN:
        count *= 2
    return count


def extra_bytes(step: Step) -> int | None:
    """What a step takes beyond what was taken before; Linux alone says it."""
    try:
        Path("/proc/self/clear_refs").write_bytes(b"5")  # the peak is counted from here
        before = in_status("VmRSS")
        step()
        return max(0, in_status("VmHWM") - before)
    except OSError:
        return None


def in_status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024


def table(case: str, dtype: str, rows: list[dict[str, Any]]) -> Table:
    shown = Table(title=f"{case}, {dtype}")
    for column in ("", "a step", "quartiles", "/ limit", "/ fused", "extra"):
        shown.add_column(column, justify="right" if column else "left", no_wrap=True)
    fused = next(row["seconds"] for row in rows if row["name"] == FUSED)
    for row in sorted(rows, key=lambda row: row["seconds"]):
        low, high = map(duration, row["quartiles"])
        extra = "" if row["extra_bytes"] is None else f"{row['extra_bytes'] / 1e6:.0f} MB"
        ratios = f"{row['of_limit']:.2f}", f"{row['seconds'] / fused:.2f}"
        shown.add_row(row["name"], duration(row["seconds"]), f"{low} - {high}", *ratios, extra)
    return shown


def duration(value: float) -> str:
    return f"{value * 1e6:.1f} us" if value < 1e-3 else f"{value * 1e3:.1f} ms"


def machine(kinds: Any) -> dict[str, Any]:
    """The processor, how many of them this process may use, and what is installed."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [
            line
            for line in info.read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ]
        model = lines[0].partition(":")[2].strip() if lines else model
    packages = {}
    for name in ("numpy", "numba", "torch", "jax", "optax", "torch-optimi", "pytorch_optimizer"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    said = {"processor": model, "cores": os.cpu_count(), **packages}
    return said | ({"gpu": kinds.device_name()} if kinds is gpu_contenders else {})


def write(kinds: Any, results: list[dict[str, Any]]) -> str:
    """Write what was measured into the file of this day and machine, and draw it."""
    RESULTS.mkdir(exist_ok=True)
    date, said = datetime.date.today().isoformat(), machine(kinds)
    name = f"{'gpu' if 'gpu' in said else 'step'}-{date}"
    file = RESULTS / f"{name}.json"
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"machine": None}
    again = {(row["case"], row["dtype"]) for row in results}
    if before["machine"] == said:
        kept = [row for row in before["results"] if (row["case"], row["dtype"]) not in again]
        results = sorted(
            kept + results, key=lambda row: (row["dtype"], [*CASES].index(row["case"]))
        )
    document = {"date": date, "machine": said, "results": results}
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8", newline="\n")
    return f"{file} and {chart(document, file)}"


def chart(document: dict[str, Any], file: Path) -> Path:
    """Draw a PNG next to `file`: the time of a float32 step of one array against its size."""
    said, results = document["machine"], document["results"]
    where = said.get("gpu", f"{said['processor']}, {said['cores']} cores")
    figure, axes = plt.subplots(figsize=(7.2, 5), layout="constrained")
    colors = {True: iter(plt.get_cmap("Dark2").colors), False: iter(plt.get_cmap("tab10").colors)}
    for name in dict.fromkeys(row["name"] for row in results):
        points = [
            (float(row["case"]), row["seconds"])
            for row in results
            if row["name"] == name and row["dtype"] == "float32" and row["case"][0].isdigit()
        ]
        if points:
            ours = name.startswith("radam-ref")
            style: dict[str, Any] = {"color": "black", "ls": ":", "lw": 2}
            if name != LIMIT:
                style = {"color": next(colors[ours]), "ls": "-" if ours else "--", "marker": "."}
                style["lw"] = 3 if name == FUSED else 1
            axes.loglog(*zip(*sorted(points), strict=True), label=name, **style)
    axes.set(xlabel="parameters, float32", ylabel="time of a step")
    axes.set_title(f"{where}, {document['date']}")
    axes.yaxis.set_major_formatter(EngFormatter("s"))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", ncols=2)
    full, picture = io.BytesIO(), file.with_suffix(".png")
    figure.savefig(full, format="png", dpi=192)
    plt.close(figure)
    pixels = Image.open(full).convert("RGB")  # a palette halves the file and looks the same
    palette = pixels.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    palette.save(picture, optimize=True)
    return picture


if __name__ == "__main__":
    main()
