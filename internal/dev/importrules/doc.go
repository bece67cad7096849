// Package importrules contains only tests: of which package may import which, and of what is at the
// top level of the project.
package importrules
