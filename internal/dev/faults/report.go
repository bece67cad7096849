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
	how   string // how the fault was caused
	times int    // how often
	// outcomes is the number of different results: different keys or accounts. Each was repaired in
	// both orders.
	outcomes int
	lost     []string // what was lost or is wrong; the page should have no entry
}

// shownFailures is the largest number of failures that are shown for a row.
const shownFailures = 3

func (r row) verdict() string {
	if len(r.lost) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("**%d times something**", len(r.lost))
}

const pageHead = `# Reliability

How the keys survive faults. ` + "`make faults`" + ` writes this page.

After each fault, the keyring, the encrypted file and the state are read directly, without the program. **Lost** means a missing key, a key that exists twice, an account without a key, or a key without an account, except if ` + "`ocgo-key doctor`" + ` reports it. Each different outcome is then repaired twice: once with the same command and then ` + "`ocgo-key doctor --repair`" + `, and once in the opposite order. After each repair there must be one key for each account, one account for each key, and nothing to repair.

`

const pageTail = `
## What is not covered

- A power cut. The state records which key belongs to which account. This record is synced to the disk (fsync of the file and of its folder) before the next step begins; the tests of internal/atomicfile and the steps above show this. The disk itself is not tested. Leases and the history may lose their last changes. gnome-keyring writes the file of the keyring.
- The clock of the machine. It is not set, because a Go program reads it without a system call that the tracer could change. Instead the times in the state are moved, which has the same effect on comparisons. TestClockSetBack and the property tests in rotation show that a cooldown survives a clock that is set back and forth.
- macOS and Windows. The code for the state and the encrypted file is the same; the code for the keychain is different. Each keychain call is one step there, and the order of the steps is the same.
- A keychain that hangs. The tests of package keychain cover this, with the time limit of each command.
- A killed gateway or wrapper. It writes only leases, which end with their process; see internal/dev/e2e.
`

// page returns the text of docs/reliability.md.
func page(rows []row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%sMachine: %s. Command: `make faults`.\n\n| fault | how it was caused | how often | outcomes | lost |\n| --- | --- | --: | --: | --- |\n", pageHead, lab.Machine())
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
