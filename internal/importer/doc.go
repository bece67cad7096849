// Package importer takes keys out of where other programs keep them. It asks nobody, and tells what it
// meets through a report.Reporter.
package importer
