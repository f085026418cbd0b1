"""`pytest --pyargs radam_conformance.suite --radam-impl SPEC`: a test for each case."""
