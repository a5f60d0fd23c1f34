"""What tests share: fakes, fixtures and checks.  A package, so that any test can import it."""
