"""Protocol 1: what is written is what is read, and nothing malformed passes."""

import math
import struct
from dataclasses import replace

import pytest

from radam_conformance.protocol import (
    ProtocolError,
    Refusal,
    RunRequest,
    Start,
    from_words,
    printable,
    quote,
    to_words,
    write_request,
)
from radam_conformance.protocol_reader import (
    AnswerReader,
    longest_answer_line,
    read_hello,
    read_request,
)

REQUEST = RunRequest(
    id="core/smoke-01-f64",
    dtype="float64",
    steps=4,
    hyper=[
        (1, 0, "lr", 0.5),
        (1, 0, "beta1", 0.9),
        (1, 0, "beta2", 0.999),
        (1, 0, "eps", 1e-8),
        (3, 0, "lr", 0.25),
        (3, 0, "eps", 1e-8),
        (1, 0, "maximize", True),
        (1, 1, "lr", 0.25),
        (1, 1, "beta1", 0.9),
        (1, 1, "beta2", 0.999),
        (1, 1, "eps", 1e-8),
    ],
    x0=[((2,), [1.0, -2.0], 0), ((), [3.0], 1)],
    gradients=[[[0.5, -0.0], None], [[1.0, math.inf], [2.0]]],
    observe=[1, 4],
    needs=["tensors", "groups", "state", "restore"],
    start=Start(7, ((0.5, 1.0), (2.0,)), ((1.0, 2.0), (0.5,))),
    restore=[2],
)
TEXT = """\
run core/smoke-01-f64 float64 4
need tensors groups state restore
hyper 1 0 lr 3fe0000000000000
hyper 1 0 beta1 3feccccccccccccd
hyper 1 0 beta2 3feff7ced916872b
hyper 1 0 eps 3e45798ee2308c3a
hyper 3 0 lr 3fd0000000000000
hyper 3 0 eps 3e45798ee2308c3a
hyper 1 0 maximize 1
hyper 1 1 lr 3fd0000000000000
hyper 1 1 beta1 3feccccccccccccd
hyper 1 1 beta2 3feff7ced916872b
hyper 1 1 eps 3e45798ee2308c3a
x 0 0 2 3ff0000000000000 c000000000000000
x 1 1 - 4008000000000000
state 7
m 0 3fe0000000000000 3ff0000000000000
m 1 4000000000000000
v 0 3ff0000000000000 4000000000000000
v 1 3fe0000000000000
g 1 0 3fe0000000000000 8000000000000000
g 1 1 none
g 2 0 3ff0000000000000 7ff0000000000000
g 2 1 4000000000000000
restore 2
observe 1 4
end
"""
ANSWER = [
    b"x 1 0 3ff0000000000000 c000000000000000",
    b"x 1 1 4008000000000000",
    b"m 1 1 3FF0000000000000",
    b"x 4 1 7ff8000000000000",
    b"x 4 0 3ff0000000000000 c000000000000000",
]


def block(text: str) -> list[str]:
    return text.splitlines()[:-1]


def test_request_is_written_in_the_words_of_the_protocol() -> None:
    assert write_request(REQUEST) == TEXT


def test_request_is_read_back_with_the_same_bits() -> None:
    assert write_request(read_request(block(TEXT))) == TEXT


@pytest.mark.parametrize(
    ("values", "dtype", "words"),
    [
        ((1.0, -2.0), "bfloat16", "3f80 c000"),
        ((3.0, 4.0), "complex64", "40400000 40800000"),
        ((0.5, -0.5), "complex128", "3fe0000000000000 bfe0000000000000"),
        ((65504.0,), "float16", "7bff"),
    ],
)
def test_words_of_each_dtype(values: tuple[float, ...], dtype: str, words: str) -> None:
    assert to_words(values, dtype) == words
    assert from_words(words.split(), dtype) == values


def test_an_empty_tensor_has_no_words() -> None:
    request = replace(
        REQUEST, x0=[((0, 3), [], 0)], gradients=[[[]]], start=None, hyper=REQUEST.hyper[:7]
    )

    assert "x 0 0 0x3\ng 1 0\n" in write_request(request)
    assert read_request(block(write_request(request))).x0 == [((0, 3), (), 0)]


def test_hyper_parameters_not_given_take_their_defaults() -> None:
    first = REQUEST.first_hyper()

    assert first["weight_decay"] == 0.0
    assert first["decoupled"] is True
    assert first["maximize"] is True


def test_only_values_that_differ_count_as_changes() -> None:
    assert REQUEST.later_hyper() == {3: {"lr": 0.25}}


@pytest.mark.parametrize(
    ("dtype", "word", "value"),
    [
        ("float64", "3ff0000000000001", 1.0 + 2.0**-52),
        ("float64", "0000000000000001", 2.0**-1074),
        ("float32", "3f800001", 1.0 + 2.0**-23),
        ("float32", "ff800000", -math.inf),
        ("float16", "3c01", 1.0 + 2.0**-10),
        ("float16", "8000", -0.0),
    ],
)
def test_words_are_big_endian_bit_patterns(dtype: str, word: str, value: float) -> None:
    assert struct.pack(">d", from_words([word], dtype)[0]) == struct.pack(">d", value)
    assert to_words([value], dtype) == word


@pytest.mark.parametrize(
    "word", ["3ff", "3ff00000000000000", "3ff000000000000g", "0x3ff00000000000"]
)
def test_a_word_of_other_than_sixteen_hex_digits_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=r"hex"):
        from_words([word], "float64")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("run core/smoke-01-f64 float64 4\n", "", "run must come first"),
        ("float64", "float80", "float80"),
        ("x 0 0 2", "x 0 0 3", "2 values for the shape"),
        ("x 0 0 2", "x 0 0 -2", "'-2' where a count"),
        ("x 0 0 2", "x 0 0 9999999x9999999", "more than 10000000 elements"),
        ("x 1 1 -", "x 2 1 -", "'2' where a count of 1 belongs"),
        ("hyper 3 0 lr", "hyper 3 2 lr", "no tensor is in it"),
        ("state 7\n", "", "not a line of a case"),
        ("m 1 4000000000000000\n", "", "state has not the sizes of x"),
        ("restore 2", "restore 4", "restore must ascend"),
        ("g 2 1", "g 4 1", r"'4' where a count of 1\.\.3 belongs"),
        ("g 2 1 4000000000000000\n", "", "gradient 2 has 1 tensors, x has 2"),
        ("hyper 1 0 eps", "hyper 1 0 epsilon", "epsilon"),
        ("hyper 1 0 lr 3fe0000000000000\n", "", "no value at step 1 of group 0 for lr"),
        ("maximize 1", "maximize 2", r"'2' where a count of 0\.\.1 belongs"),
        ("observe 1 4", "observe 4 1", "observe must ascend"),
        ("observe 1 4", "observe 1 5", "observe must ascend"),
        ("observe 1 4", "look 1 4", "not a line of a case"),
        (" 4\n", " ٤\n", "where a count"),
    ],
)
def test_a_malformed_request_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        read_request(block(TEXT.replace(old, new, 1)))


def test_an_answer_is_complete_with_its_last_line() -> None:
    reader = AnswerReader(REQUEST)

    assert [reader.feed(line) for line in ANSWER] == [None] * 5
    answer = reader.feed(b"end\r")

    assert answer is not None
    assert answer.x[1, 0] == (1.0, -2.0)
    assert math.isnan(answer.x[4, 1][0])
    assert answer.m == {(1, 1): (1.0,)}
    assert answer.v == {}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"step 1 done", "is no answer"),
        (b"", "is no answer"),
        (b"x 1", "is no answer"),
        (b"x 2 0 3ff0000000000000 3ff0000000000000", "step 2 is not observed"),
        (b"x 1 2 3ff0000000000000", r"'2' where a count of 0\.\.1 belongs"),
        (b"x 4 0 3ff0000000000000", "1 values for a tensor of 2"),
        (b"x 4 0 3ff00000 3ff00000", "16 hex digits"),
        (b"x 4 0 1.0 -2.0", "16 hex digits"),
        (b"x 4 1 7ff8000000000000", "was given before"),
        (b"end", "came before x 4 0"),
        (b"\xff\xfe", "is not ASCII"),
    ],
)
def test_a_line_that_is_no_answer_is_quoted(line: bytes, reason: str) -> None:
    reader = AnswerReader(REQUEST)
    for earlier in ANSWER[:-1]:
        reader.feed(earlier)

    with pytest.raises(ProtocolError, match=reason) as caught:
        reader.feed(line)

    assert quote(line) in str(caught.value)


def test_a_quotation_is_cut_short() -> None:
    assert quote("a" * 10**6) == f"'{'a' * 120}'... (1000000 characters)"


@pytest.mark.parametrize("kind", ["unsupported", "rejected", "error"])
def test_a_refusal_takes_the_place_of_an_answer(kind: str) -> None:
    with pytest.raises(Refusal) as caught:
        AnswerReader(REQUEST).feed(f"{kind} no such  thing".encode())

    assert (caught.value.kind, caught.value.text) == (kind, "no such thing")


def test_hello_says_what_is_offered_and_ignores_later_keys() -> None:
    hello = read_hello(b"hello 1 name=radam.c dtypes=float32,float64 features= color=blue")

    assert (hello.protocol, hello.name, hello.version) == (1, "radam.c", "")
    assert hello.dtypes == ("float32", "float64")
    assert hello.features == ()


@pytest.mark.parametrize("line", [b"Loading model", b"hello", b"hello one", b"hello 1 shy"])
def test_anything_else_does_not_answer_hello(line: bytes) -> None:
    with pytest.raises(ProtocolError, match=quote(line)):
        read_hello(line)


def test_what_a_terminal_would_obey_is_left_out_of_what_a_port_says() -> None:
    """Colors go, and what clears the screen, sets the title or rings the bell."""
    hello = read_hello(b"hello 1 name=\x1b[31mred\x1b[0m")
    with pytest.raises(Refusal) as refusal:
        read_hello(b"error \x1b[2J\x1b[1;1Hall \x08\x08cases passed\x1b")

    assert hello.name == "red"
    assert refusal.value.text == "all cases passed"
    assert printable("na\u00efve \u202eabc\x9b2J\n") == "na\u00efve  abc 2J\n"


def test_the_longest_legal_line_fits() -> None:
    line = "x 4 0 " + to_words([1.0, 2.0], "float64")

    assert len(line) < longest_answer_line(REQUEST) < 10**4
