package doctor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"ocgo-key/rotation/state"
)

func TestAccounts(t *testing.T) {
	const same = "problem: Work and Spare belong to the same workspace and user: they share one usage limit, so switching between them gains nothing | ocgo-key disable Spare"
	tests := map[string]struct {
		accounts bool // Work and Spare are listed
		alter    func(*machine, *state.State)
		want     []string
		well     string
	}{
		"none": {false, nil, []string{"problem: there is no account, so there is nothing to hand out | ocgo-key add Work"}, ""},
		"none any more": {false, func(m *machine, _ *state.State) { m.keys.keys["aaaaaaaaaaaaaaaa"] = "sk-a" },
			[]string{"problem: there is no account, but the keychain still has 1 key | ocgo-key doctor --repair"}, ""},
		"two": {true, nil, nil, "2 accounts, the next process gets Work"},
		"one refused": {true, func(_ *machine, s *state.State) {
			s.Accounts[0].Rejected = &state.Rejection{Reason: "AuthError"}
		}, []string{"problem: Work is not used, since the service refused its key (AuthError); `ocgo-key enable Work` tries it again | ocgo-key replace Work"}, "2 accounts, the next process gets Spare"},
		"all disabled": {true, func(_ *machine, s *state.State) {
			s.Accounts[0].Disabled, s.Accounts[1].Disabled = true, true
		}, []string{"problem: every account is disabled, so there is nothing to hand out | ocgo-key enable Work"}, "2 accounts"},
		"one key twice": {true, func(m *machine, s *state.State) { m.keys.keys[s.Accounts[1].ID] = m.keys.keys[s.Accounts[0].ID] },
			[]string{"problem: Work and Spare have the same key, so they are one account that is listed twice | ocgo-key remove --yes Spare"}, "2 accounts, the next process gets Work"},
		"one subscription, as the service said before": {true, func(_ *machine, s *state.State) {
			for i := range s.Accounts {
				s.Accounts[i].Workspace, s.Accounts[i].User = "w", "u"
			}
		}, []string{same}, "2 accounts, the next process gets Work"},
		"one subscription, as it says now": {true, func(m *machine, _ *state.State) { m.answer = knows }, []string{same}, "2 accounts, the next process gets Work"},
		"an unknown answer": {true, func(_ *machine, s *state.State) {
			s.Refusals = []state.Refusal{
				{Status: 403, Type: "Account.Paused", Account: "Work", Count: 2, Last: time.Now()},
				{Status: 403, Type: "Account.Old", Account: "Work", Count: 1, Last: time.Now().Add(-30 * 24 * time.Hour)},
			}
		}, []string{"note: the service refused 2 requests with an answer that this version does not know: 403 Account.Paused (the last of Work, just now); the client got this answer; a newer version may know it | ocgo-key history"}, "2 accounts, the next process gets Work"},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			m := newMachine(t)
			if tt.accounts {
				m.account("0123456789abcdef", "Work")
				m.account("fedcba9876543210", "Spare")
			}
			if tt.alter != nil {
				m.change(func(s *state.State) { tt.alter(m, s) })
			}
			assert.Equal(t, tt.well, m.finds("accounts", tt.want...).Well)
		})
	}
}

// An account in cooldown is not a problem.
func TestAccountsThatCool(t *testing.T) {
	m := newMachine(t)
	m.account("0123456789abcdef", "Work")
	m.change(func(s *state.State) {
		s.Accounts[0].Cooldowns = []state.Cooldown{{Since: time.Now(), Until: time.Now().Add(time.Hour), Reason: "weekly"}}
	})
	assert.Contains(t, m.finds("accounts").Well, "1 account; ")
}
