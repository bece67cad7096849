package doctor

import (
	"errors"
	"time"

	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

// accountsCheck checks the pool and its accounts.
type accountsCheck struct{ *examination }

// checkAccounts checks that the pool can hand out an account, and that no account is listed twice.
func (e accountsCheck) checkAccounts(r *Result) {
	s := e.state()
	o, err := s.overview(e.ctx)
	if err != nil {
		r.Skipped = "not checked, because the state cannot be read"
		return
	}
	if n := len(e.keychain().held); len(o.Accounts) == 0 && n > 0 {
		r.found(Problem, RepairCommand, "there is no account, but the keychain still has %s", text.Count(n, "key", "keys"))
		return
	}
	if len(o.Accounts) == 0 {
		r.found(Problem, "ocgo-key add Work", "there is no account, so there is nothing to hand out")
		return
	}
	r.Well = text.Count(len(o.Accounts), "account", "accounts")
	pool := rotation.New(readOnly{s.file, s.state}, time.Now, func(int, string) bool { return true })
	exhaustion := pool.Exhaustion(e.ctx, rotation.Ask{})
	out, none := errors.AsType[*rotation.ExhaustedError](exhaustion)
	switch {
	case exhaustion == nil:
		r.Well += ", the next process gets " + text.OneLine(o.Next)
	case none && !out.Until.IsZero():
		r.Well += "; " + out.Error()
	}
	for _, v := range o.Accounts {
		if v.Condition.State == rotation.Rejected {
			r.found(Problem, "ocgo-key replace "+text.Quote(v.Label), "%s is not used, since the service refused its key (%s); `ocgo-key enable %s` tries it again",
				text.OneLine(v.Label), text.OneLine(v.Condition.Reason), text.Quote(v.Label))
		}
	}
	if len(r.Findings) == 0 && none && out.Until.IsZero() {
		r.found(Problem, "ocgo-key enable "+text.Quote(o.Accounts[0].Label), "every account is disabled, so there is nothing to hand out")
	}
	e.checkDuplicates(r, o)
	e.checkUnknownAnswers(r, pool)
}

// recentRefusal is the age up to which an unknown answer is reported.
const recentRefusal = 7 * 24 * time.Hour

// checkUnknownAnswers reports recent refusals of the service that this version cannot classify.
func (e accountsCheck) checkUnknownAnswers(r *Result, pool *rotation.Pool) {
	refusals, err := pool.Refusals(e.ctx)
	if err != nil {
		return // stateCheck reports the error
	}
	for _, f := range refusals {
		if time.Since(f.Last) < recentRefusal {
			r.found(Note, "ocgo-key history", "the service refused %s with an answer that this version does not know: %s (the last of %s, %s); the client got this answer; a newer version may know it",
				text.Count(f.Count, "request", "requests"), rotation.Describe(f), text.OneLine(f.Account), text.Ago(f.Last, time.Now()))
		}
	}
}

// checkDuplicates reports pairs of accounts with the same key or the same subscription.
func (e accountsCheck) checkDuplicates(r *Result, o rotation.Overview) {
	keys, usage := e.keychain(), e.usage()
	for i, v := range o.Accounts {
		for _, earlier := range o.Accounts[:i] {
			key, held := keys.held[v.ID]
			if held && key.Equal(keys.held[earlier.ID]) {
				r.found(Problem, "ocgo-key remove --yes "+text.Quote(v.Label), "%s and %s have the same key, so they are one account that is listed twice",
					text.OneLine(earlier.Label), text.OneLine(v.Label))
				break
			}
			if v.Enabled && earlier.Enabled && shared(subscription(v, usage), subscription(earlier, usage)) {
				r.found(Problem, "ocgo-key disable "+text.Quote(v.Label), "%s and %s belong to the same workspace and user: they share one usage limit, so switching between them gains nothing",
					text.OneLine(earlier.Label), text.OneLine(v.Label))
				break
			}
		}
	}
}

// subscription returns the workspace and the user to which the account's usage limits belong. They
// come from the service's present answer, or else from its last one.
func subscription(v rotation.View, usage map[string]usageAnswer) [2]string {
	if a, ok := usage[v.ID]; ok && a.err == nil && a.usage.Workspace != "" && a.usage.User != "" {
		return [2]string{a.usage.Workspace, a.usage.User}
	}
	return [2]string{v.Workspace, v.User}
}

func shared(a, b [2]string) bool { return a == b && a[0] != "" && a[1] != "" }
