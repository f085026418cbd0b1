"""The paper's experiments, small by default: `python -m experiments --help` in the checkout."""
