"""The judge: does an implementation compute RAdam, which dialect, how precisely, what is wrong."""
