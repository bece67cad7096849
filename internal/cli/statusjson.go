package cli

import (
	"time"

	"ocgo-key/rotation"
)

// The output of `status --json`, which extends that of `list --json`. Scripts depend on its format.
type (
	statusJSON struct {
		Accounts []statusAccountJSON `json:"accounts"`
		Next     *string             `json:"next"`
		Strategy string              `json:"strategy"`
		Ahead    int                 `json:"ahead"` // percent; 0 means off
	}
	statusAccountJSON struct {
		accountJSON
		Leases  []statusLeaseJSON     `json:"leases"` // replaces accountJSON.Leases
		Usage   map[string]windowJSON `json:"usage"`  // null before the first answer of the service
		AskedAt *time.Time            `json:"asked_at"`
	}
	statusLeaseJSON struct {
		leaseJSON
		Since *time.Time `json:"since"`
	}
	windowJSON struct {
		Status   string     `json:"status"`
		Percent  int        `json:"percent"`
		ResetsAt *time.Time `json:"resets_at"`
	}
)

func statusDocument(o rotation.Overview) statusJSON {
	base := overviewJSON(o)
	s := statusJSON{Accounts: make([]statusAccountJSON, len(o.Accounts)), Next: base.Next, Strategy: strategyName(o.Settings), Ahead: o.Settings.Ahead}
	for i, v := range o.Accounts {
		j := statusAccountJSON{accountJSON: base.Accounts[i], Leases: []statusLeaseJSON{}}
		for _, l := range v.Leases {
			j.Leases = append(j.Leases, statusLeaseJSON{leaseJSON{l.PID, l.Command}, nonZero(l.Since.UTC())})
		}
		if v.Usage != nil {
			j.AskedAt, j.Usage = nonZero(v.Usage.At.UTC()), map[string]windowJSON{}
			for _, w := range windowNames {
				if window, told := v.Usage.Windows[w.name]; told {
					j.Usage[w.name] = windowJSON{window.Status, window.Percent, nonZero(window.ResetsAt.UTC())}
				}
			}
		}
		s.Accounts[i] = j
	}
	return s
}
