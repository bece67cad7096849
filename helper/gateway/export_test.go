package gateway

// MaxVisitors is maxVisitors, for the tests from outside.
const MaxVisitors = maxVisitors
