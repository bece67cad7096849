package gateway

// MaxUnauthenticated is maxUnauthenticated, for the tests from outside.
const MaxUnauthenticated = maxUnauthenticated
