//go:build linux && (amd64 || arm64)

package main

import (
	"fmt"
	"strings"

	"ocgo-key/internal/dev/lab"
)

// row is one fault of the page.
type row struct {
	fault string
	how   string // how often it was injected
	times int
	// outcomes is the number of different results, by keys and accounts. Each was repaired in both
	// ways.
	outcomes int
	lost     []string // what was lost or is otherwise wrong; the page should show none
}

// worst is the largest number of failures that are shown for a row.
const worst = 3

func (r row) verdict() string {
	if len(r.lost) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("**%d times something**", len(r.lost))
}

const pageHead = `# Reliability

What happens to the keys on bad days. Written by ` + "`make faults`" + `, not by hand.

After each fault the keyring, the encrypted file and the state are read directly, apart from the program: **lost** is a key that is nowhere any more, a key that is there twice, an account without a key, or a key without an account, where ` + "`ocgo-key doctor`" + ` does not name it. Each outcome that differs from the others is then mended in both ways that there are: the same command once more and then ` + "`ocgo-key doctor --repair`" + `, or the other way round. Either has to end with one key for each account, one account for each key, and nothing left to repair.

`

const pageTail = `
## What is not covered

- A power cut. What says which key belongs to which account is on the disk (fsync of the file and of its folder) before the next step begins, which the tests of internal/atomicfile and the steps above show; that the disk keeps it is not tested. Leases and the history may lose their last moments. The keyring's own file is gnome-keyring's.
- The clock itself is not set: a Go program reads it without a system call that could be changed. Instead the times in the state are moved, which is the same to whoever compares the two. How a cooldown outlives a clock that goes back and forth is in rotation: TestClockSetBack and the properties there.
- macOS and Windows: the state and the encrypted file are the same code there, the keychain is not. Each call to it is one step there, and between two steps the order is the same.
- A keychain that stays silent instead of ending: that is in the tests of package keychain, with the time each command may take.
- A running gateway or wrapper that is killed writes nothing but leases, which end with their process; see internal/dev/e2e.
`

// page returns the text of docs/reliability.md.
func page(rows []row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%sMachine: %s. Command: `make faults`.\n\n| fault | how it was brought about | how often | outcomes | lost |\n| --- | --- | --: | --: | --- |\n", pageHead, lab.Machine())
	for _, r := range rows {
		outcomes := ""
		if r.outcomes > 0 {
			outcomes = fmt.Sprint(r.outcomes)
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s |\n", r.fault, r.how, r.times, outcomes, r.verdict())
	}
	b.WriteString(pageTail)
	return b.String()
}
