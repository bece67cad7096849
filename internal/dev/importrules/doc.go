// Package importrules contains only tests. They check the imports between packages, where keys are
// revealed, the entries of the top level, and that cited pages and tests exist.
package importrules
