"""The shapes of the parameters of two well-known networks."""

from __future__ import annotations


def resnet18() -> list[tuple[int, ...]]:
    """The shapes of its parameters, 11.7 million in all."""
    shapes: list[tuple[int, ...]] = [(64, 3, 7, 7), (64,), (64,)]
    before = 64
    for width in (64, 128, 256, 512):
        for _ in range(2):
            shapes += [(width, before, 3, 3), (width,), (width,)]
            shapes += [(width, width, 3, 3), (width,), (width,)]
            if before != width:
                shapes += [(width, before, 1, 1), (width,), (width,)]
            before = width
    return [*shapes, (1000, 512), (1000,)]


def gpt2_small() -> list[tuple[int, ...]]:
    """Those of GPT-2 with 124 million parameters, 148 tensors; the last layer is the first's."""
    width = 768
    layer: list[tuple[int, ...]] = [(width,), (width,), (width, 3 * width), (3 * width,)]
    layer += [(width, width), (width,), (width,), (width,)]
    layer += [(width, 4 * width), (4 * width,), (4 * width, width), (width,)]
    return [(50257, width), (1024, width), *(12 * layer), (width,), (width,)]
