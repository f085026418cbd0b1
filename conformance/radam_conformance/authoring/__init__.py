"""How the stored vectors are made: designs, and their regeneration from both oracles."""
