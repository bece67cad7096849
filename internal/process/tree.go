package process

import "slices"

// node is what a look at the whole process table tells of one process.
type node struct{ pid, ppid int }

// Descendants returns the processes that pid started, and those that they
// started, as the table stands now; nil where it can't be read. A process whose
// parent has ended is nobody's descendant any more.
func Descendants(pid int) []Info {
	var all []Info
	for _, p := range below(pid, table()) {
		if info, err := Lookup(p); err == nil {
			all = append(all, info)
		}
	}
	return all
}

// below picks the pids below root, parents before their children.
func below(root int, nodes []node) []int {
	tree := []int{root}
	for i := 0; i < len(tree); i++ {
		for _, n := range nodes {
			if n.ppid == tree[i] && !slices.Contains(tree, n.pid) {
				tree = append(tree, n.pid)
			}
		}
	}
	return tree[1:]
}

// Session is the id of the session that pid belongs to, 0 where that is unknown
// or the system has none.
func Session(pid int) int { return session(pid) }

// Stopped reports whether pid is stopped by job control at this moment.
func Stopped(pid int) bool { return stopped(pid) }
