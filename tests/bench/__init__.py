"""How fast the service is, measured beside a handler by hand that does the same SQL; apart from the tests."""
