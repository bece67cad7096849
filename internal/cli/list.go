package cli

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

type listCmd struct{}

func (*listCmd) Help() string {
	return `Shows number, label, state, who holds the account, and when it was last used. > marks the account that the next process gets. A state is ready, cooling until a time, rejected, or disabled. A limit of a single model is not shown. An empty pool is not an error.

Examples:
  ocgo-key list
  ocgo-key list --json`
}

func (*listCmd) Run(a *app) error {
	_, o, err := a.overview()
	if err != nil {
		return err
	}
	if a.JSON {
		return a.Document(overviewJSON(o))
	}
	if len(o.Accounts) == 0 {
		a.Complain(rotation.ErrEmpty, "add one with `ocgo-key add LABEL`")
		return nil
	}
	t := grid{head: []string{"", "#", "LABEL", "STATE", "HELD BY", "LAST USED"},
		words: []string{"", "", "", "", "held by ", "last used "}, lead: 3, wraps: 3}
	now := time.Now()
	for _, v := range o.Accounts {
		mark := " "
		if v.Label == o.Next {
			mark = ">"
		}
		t.rows = append(t.rows, []cell{{text: mark}, {text: strconv.Itoa(v.Number)}, {text.OneLine(v.Label), bold},
			{conditionText(v.Condition, now), conditionStyle(v.Condition)}, {text: holders(v)}, {text: text.Ago(v.LastUsed, now)}})
	}
	return a.Print("%s\n", strings.Join(a.layout().lines(t), "\n"))
}

func conditionText(c rotation.Condition, now time.Time) string {
	switch c.State {
	case rotation.Cooling:
		return fmt.Sprintf("cooling until %s: %s", text.Clock(c.Until, now), text.OneLine(c.Reason))
	case rotation.Rejected:
		return "rejected: " + text.OneLine(c.Reason)
	}
	return c.State
}

func holders(v rotation.View) string {
	names := heldBy(v, 3, func(l rotation.Lease) string { return fmt.Sprintf("%s (%d)", text.OneLine(l.Command), l.PID) })
	return cmp.Or(strings.Join(names, ", "), "-")
}

// The output of `list --json`. Scripts depend on its format.
type (
	poolJSON struct {
		Accounts []accountJSON `json:"accounts"`
		Next     *string       `json:"next"`
	}
	accountJSON struct {
		Number        int         `json:"number"`
		ID            string      `json:"id"`
		Label         string      `json:"label"`
		Enabled       bool        `json:"enabled"`
		State         string      `json:"state"`
		Until         *time.Time  `json:"until"`
		Reason        *string     `json:"reason"`
		Leases        []leaseJSON `json:"leases"`
		LastUsed      *time.Time  `json:"last_used"`
		Conversations int         `json:"conversations,omitempty"`
	}
	leaseJSON struct {
		PID     int    `json:"pid"`
		Command string `json:"command"`
	}
)

func overviewJSON(o rotation.Overview) poolJSON {
	p := poolJSON{Accounts: make([]accountJSON, len(o.Accounts)), Next: nonZero(o.Next)}
	for i, v := range o.Accounts {
		j := accountJSON{Number: v.Number, ID: v.ID, Label: v.Label, Enabled: v.Enabled, State: v.Condition.State,
			Until: nonZero(v.Condition.Until.UTC()), Reason: nonZero(v.Condition.Reason), Leases: []leaseJSON{}, LastUsed: nonZero(v.LastUsed.UTC()), Conversations: v.Conversations}
		for _, l := range v.Leases {
			j.Leases = append(j.Leases, leaseJSON{l.PID, l.Command})
		}
		p.Accounts[i] = j
	}
	return p
}

// nonZero returns nil, which JSON shows as null, for a zero value.
func nonZero[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
