package gateway

// MaxUnauthenticated exports maxUnauthenticated to package gateway_test.
const MaxUnauthenticated = maxUnauthenticated
