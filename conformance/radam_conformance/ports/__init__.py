"""Ready-made plugs for ports that have no optimizer class of their own."""
