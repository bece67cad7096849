// Package importrules contains only tests. They check which package may import which, where keys are
// revealed, that cited pages and tests exist, and which entries the top level has.
package importrules
