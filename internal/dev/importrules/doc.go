// Package importrules is a test alone: who may import whom, and what stands at the top level of the
// project.
package importrules
