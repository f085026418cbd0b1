"""Text: the docstrings of Python's standard library, or One Billion Word's files."""

from __future__ import annotations

import ast
import re
import sysconfig
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

UNKNOWN, END = "<unk>", "</s>"
LONGEST = 1_000_000  # characters of a line, some hundred times those of the longest sentence


class Corpus(NamedTuple):
    """Words as numbers below `words`: those to learn from, and those held out."""

    train: np.ndarray
    held_out: np.ndarray
    words: int


@lru_cache
def docstrings() -> tuple[str, ...]:
    """The docstrings of the modules that lie at the top of the standard library."""
    found = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node)
                found.append(" ".join(text.split())) if text else None
    return tuple(found)


def words_of_docstrings(vocabulary: int) -> Corpus:
    """Each docstring a sentence; every tenth is held out."""
    sentences = [re.findall(r"\w+|[^\w\s]", text.lower()) for text in docstrings()]
    train = [words for k, words in enumerate(sentences) if k % 10]
    return _corpus(train, sentences[::10], vocabulary)


def characters_of_docstrings() -> Corpus:
    """The same, letter by letter."""
    sentences = [list(text.lower()) for text in docstrings()]
    train = [letters for k, letters in enumerate(sentences) if k % 10]
    return _corpus(train, sentences[::10], 60)


def billion_words(folder: Path, vocabulary: int, most: int) -> Corpus:
    """One Billion Word: a sentence on each line, its words apart by single spaces.

    The shards lie in training-monolingual.tokenized.shuffled (news.en-*) and in
    heldout-monolingual.tokenized.shuffled; `most` words of the first are read.
    """
    train, held_out = (
        _lines(sorted((folder / f"{part}-monolingual.tokenized.shuffled").glob("news.en*")))
        for part in ("training", "heldout")
    )
    return _corpus(list(_up_to(train, most)), list(_up_to(held_out, most // 20)), vocabulary)


def _lines(files: Sequence[Path]) -> Iterator[list[str]]:
    for file in files:
        with file.open(encoding="utf-8") as lines:
            while line := lines.readline(LONGEST + 1):
                if len(line) > LONGEST:
                    raise ValueError(
                        f"{file.name} must have a sentence a line, of at most "
                        f"{LONGEST} characters, got {line[:40]!r}..."
                    )
                yield line.split()


def _up_to(sentences: Iterable[list[str]], most: int) -> Iterator[list[str]]:
    """The first sentences that have `most` words together."""
    for sentence in sentences:
        most -= len(sentence)
        if most < 0:
            return
        yield sentence


def _corpus(train: list[list[str]], held_out: list[list[str]], vocabulary: int) -> Corpus:
    """Numbered by frequency; what is not among the commonest words is one word, unknown."""
    counts = Counter(chain.from_iterable(train))
    commonest = [word for word, _ in islice(counts.most_common(), vocabulary - 2)]
    numbers = {word: k for k, word in enumerate([UNKNOWN, END, *commonest])}

    def numbered(sentences: list[list[str]]) -> np.ndarray:
        stream = chain.from_iterable([*words, END] for words in sentences)
        return np.array([numbers.get(word, 0) for word in stream], np.int64)

    return Corpus(numbered(train), numbered(held_out), len(numbers))


def windows(
    stream: np.ndarray, length: int, count: int, seed: int, device: str
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of `count` stretches from anywhere, and the words that follow each of theirs."""
    rng = np.random.default_rng(seed)
    while True:
        starts = rng.integers(0, len(stream) - length, count)
        x = stream[starts[:, None] + np.arange(length + 1)]
        yield (
            torch.from_numpy(x[:, :-1]).to(device),
            torch.from_numpy(x[:, 1:].ravel()).to(device),
        )


@torch.no_grad()
def held_out_loss(model: torch.nn.Module, stream: np.ndarray, length: int, device: str) -> float:
    """Mean cross entropy over up to 200 stretches, the same for every model."""
    x, y = next(windows(stream, length, 200, 0, device))
    return float(torch.nn.functional.cross_entropy(model(x), y))
