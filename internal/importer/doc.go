// Package importer takes keys out of where other programs keep them. It prints nothing and asks nobody: the command line does.
package importer
