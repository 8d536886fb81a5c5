"""Would the tests notice? Mutation testing of the rooms where a bug costs most; `make mutants`."""
