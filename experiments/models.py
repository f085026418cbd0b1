"""The networks: residual ones for images, a post-norm Transformer, an LSTM, and a small net."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inside: int, out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inside != out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inside, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        """ReLU of the sum."""
        h = F.relu(self.norm1(self.first(x)))
        return F.relu(self.norm2(self.second(h)) + self.shortcut(x))


def resnet(
    blocks: int, stages: int, width: int, channels: int, classes: int, large: bool = False
) -> nn.Sequential:
    """He et al.'s: 3 stages of 3 blocks are ResNet-20, 4 of 2 with a large stem ResNet-18."""
    stem = [nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    if large:
        stem[0] = nn.Conv2d(channels, width, 7, 2, 3, bias=False)
        stem.append(nn.MaxPool2d(3, 2, 1))
    inside, layers = width, []
    for stage in range(stages):
        out = width * 2**stage
        for block in range(blocks):
            layers.append(Block(inside, out, 2 if stage and not block else 1))
            inside = out
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inside, classes)]
    return nn.Sequential(*stem, *layers, *head)


class Transformer(nn.Module):
    """A causal one whose layers normalize after the sum, as Vaswani et al. (2017) do."""

    def __init__(self, words: int, length: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.places = nn.Embedding(length, width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, batch_first=True)
            for _ in range(layers)
        )
        self.out = nn.Linear(width, words)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the next word, all places of all texts in one."""
        length = x.shape[1]
        later = torch.full((length, length), -torch.inf, device=x.device).triu(1)
        h = self.words(x) + self.places.weight[:length]
        for layer in self.layers:
            h = layer(h, src_mask=later)
        return self.out(h).flatten(0, 1)  # type: ignore[no-any-return]


class LanguageLSTM(nn.Module):
    """Words in, scores of the next word out."""

    def __init__(self, words: int, width: int, layers: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, width, layers, batch_first=True)
        self.out = nn.Linear(width, words)

    def forward(self, x: Tensor) -> Tensor:
        """As of the Transformer."""
        return self.out(self.lstm(self.words(x))[0]).flatten(0, 1)  # type: ignore[no-any-return]


def small_net(pixels: int, classes: int) -> nn.Sequential:
    """One hidden layer of 32."""
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, 32), nn.Tanh(), nn.Linear(32, classes))
