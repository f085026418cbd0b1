"""Whatever comes over the pipe, a reader of the protocol gives a value, a refusal, or one error."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radam_conformance.protocol import (
    DTYPES,
    HYPER_NAMES,
    ProtocolError,
    Refusal,
    RunRequest,
    Start,
    from_words,
    words_in,
    write_request,
)
from radam_conformance.protocol_reader import AnswerReader, read_hello, read_request

from .test_protocol import ANSWER, REQUEST, TEXT

# Words that the readers look for, so that more than their first check is reached.
WORDS = st.sampled_from(
    "hello run need hyper x state m v g restore observe end unsupported rejected error none - "
    "0 1 2 4 9999999999 -1 1.5 2x3 0x0 x 9999999x9999999 float64 float16 complex64 lr maximize "
    "3ff0000000000000 3FF0 7ff8000000000000 nan name=mine dtypes=,, = ² ٤".split()
)
CHARACTERS = "019afFgxX-+=.,_ \t\r\n\0\x1c\x85é²٤\u2028\ud800"
LINES = st.lists(WORDS | st.text(CHARACTERS, max_size=5), max_size=8).map(" ".join)
BYTES = st.binary(max_size=60) | LINES.map(lambda line: line.encode("utf-8", "surrogatepass"))
SIZES = st.lists(st.integers(0, 3), max_size=3).map(tuple)


@given(BYTES)
def test_any_bytes_answer_hello_or_are_an_error(line: bytes) -> None:
    with suppress(ProtocolError, Refusal):
        assert read_hello(line).protocol >= 1


@given(st.lists(BYTES, max_size=6))
def test_any_bytes_are_an_answer_or_an_error_that_is_one_line(lines: list[bytes]) -> None:
    reader, complaint = AnswerReader(REQUEST), ""
    with suppress(Refusal):
        try:
            assert [reader.feed(line) for line in lines] == [None] * len(lines)  # none is guessed
        except ProtocolError as error:
            complaint = str(error)
    assert complaint.isprintable()


@given(st.integers(0, len(ANSWER) - 1), st.integers(0, 40), st.binary(max_size=3))
def test_an_answer_with_a_spoilt_line_never_passes_for_a_whole_one(
    row: int, at: int, instead: bytes
) -> None:
    spoilt = ANSWER[row][:at] + instead + ANSWER[row][at + 1 :]
    lines = [*ANSWER[:row], spoilt, *ANSWER[row + 1 :], b"end"]
    reader = AnswerReader(REQUEST)
    with suppress(ProtocolError, Refusal):
        *_, answer = map(reader.feed, lines)
        assert answer is not None
        assert {key: len(x) for key, x in answer.x.items()} == {
            (1, 0): 2,
            (1, 1): 1,
            (4, 0): 2,
            (4, 1): 1,
        }


@given(st.lists(LINES, max_size=8))
def test_any_lines_are_a_request_or_a_protocol_error(lines: list[str]) -> None:
    with suppress(ProtocolError):
        read_request(lines)


@given(st.integers(0, TEXT.count("\n") - 2), st.integers(0, 60), st.text(CHARACTERS, max_size=3))
def test_a_request_with_a_spoilt_line_is_a_request_or_a_protocol_error(
    row: int, at: int, instead: str
) -> None:
    lines = TEXT.splitlines()[:-1]
    lines[row] = lines[row][:at] + instead + lines[row][at + 1 :]

    with suppress(ProtocolError):
        write_request(read_request(lines))


NUMBERS = st.sampled_from([0.0, -0.0, 1.0, -2.5, 2.0**-14, float("inf")])  # of every dtype


@st.composite
def requests(draw: st.DrawFn) -> RunRequest:
    """A case that may use all there is."""

    def arrays() -> list[tuple[float, ...]]:
        return [tuple(draw(NUMBERS) for _ in range(size)) for size in sizes]

    dtype, shapes = draw(st.sampled_from(DTYPES)), draw(st.lists(SIZES, min_size=1, max_size=3))
    sizes = [words_in(shape, dtype) for shape in shapes]
    groups = [draw(st.integers(0, 1)) for _ in shapes]
    steps = draw(st.integers(1, 5))
    hyper = [
        (1, g, name, draw(NUMBERS)) for g in range(1 + max(groups)) for name in HYPER_NAMES[:4]
    ]
    hyper += draw(st.lists(st.tuples(st.integers(1, steps), st.just(0), st.just("lr"), NUMBERS)))
    gradients = [
        [draw(st.sampled_from([None, gradient])) for gradient in arrays()]
        for _ in range(draw(st.integers(1, 3)))
    ]
    observe = sorted(draw(st.sets(st.integers(1, steps))))
    start = draw(st.sampled_from([None, Start(7, tuple(arrays()), tuple(arrays()))]))
    x0 = list(zip(shapes, arrays(), groups, strict=True))
    return RunRequest("a/case", dtype, steps, hyper, x0, gradients, observe, ("state",), start)


@given(requests())
def test_what_is_written_is_read_back_with_the_same_bits(request: RunRequest) -> None:
    text = write_request(request)

    assert write_request(read_request(text.splitlines()[:-1])) == text


@pytest.mark.parametrize("dtype", DTYPES)
@given(words=st.lists(st.text("0123456789abcdefABCDEFgx", max_size=17), max_size=3))
def test_words_are_numbers_or_a_value_error(dtype: str, words: list[str]) -> None:
    with suppress(ValueError):
        assert len(from_words(words, dtype)) == len(words)
