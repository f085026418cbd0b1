"""What is right, and how far a right program may be from it: ball arithmetic, and a witness.

`balls` is the first oracle and `bounds` the tolerance, both in python-flint's `arb`; `witness`
is the second oracle, in mpmath or gmpy2, which shares no code with the first. None of them uses
radam_ref's arithmetic.
"""
