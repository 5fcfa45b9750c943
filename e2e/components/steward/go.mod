// Starts what the tests need and ends it with them.
module vmgroup/e2e/components/steward

go 1.25.0
