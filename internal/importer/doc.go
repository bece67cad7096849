// Package importer brings the keys that other programs keep in plain text into the pool, and takes
// them out of there on request: where they lie (sources.go), how each comes in (take.go), how they
// go from their files (scrub.go). It asks the user nothing and prints no result; what it meets on
// the way it tells a report.Reporter. Accounts and the pool are interfaces: it opens no keychain
// and no state.
package importer
