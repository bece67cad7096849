package process

import "slices"

// node is one process in a listing of the whole process table.
type node struct{ pid, ppid int }

// Descendants returns the children of pid, their children, and so on, as the table lists them now.
// It returns nil if the table can't be read. A process whose parent has ended is not included.
func Descendants(pid int) []Info {
	var all []Info
	for _, p := range descendantPIDs(pid, table()) {
		if info, err := Lookup(p); err == nil {
			all = append(all, info)
		}
	}
	return all
}

// descendantPIDs returns the pids below root, parents before their children.
func descendantPIDs(root int, nodes []node) []int {
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

// Session returns the id of the session that pid belongs to, or 0 if that is unknown or the system
// has no sessions.
func Session(pid int) int { return session(pid) }

// Stopped reports whether job control has stopped pid.
func Stopped(pid int) bool { return stopped(pid) }
