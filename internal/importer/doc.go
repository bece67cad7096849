// Package importer imports the keys that other programs keep in plain text. On request it removes
// them from the files. sources.go finds and reads the files, take.go adds the keys to the pool,
// scrub.go removes them from the files. It asks no questions and prints no result. It reports
// progress to a report.Reporter. Accounts and the pool are interfaces, so the package opens no
// keychain and no state.
package importer
