// Package importer brings keys that other programs keep in plain text into the pool, and removes
// them from their files on request. sources.go finds and reads the files, take.go adds the keys to
// the pool, scrub.go removes them from the files. It asks the user nothing and prints no result; it
// reports progress to a report.Reporter. Accounts and the pool are interfaces: it opens no keychain
// and no state.
package importer
