"""A harness that offers float32 alone and answers no case; for `cmd:`."""

import sys

for line in sys.stdin:
    if line.startswith("hello"):
        print("hello 1 name=float32-alone dtypes=float32", flush=True)
    elif line.strip() == "quit":
        break
