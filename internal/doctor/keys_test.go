package doctor

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/accounts"
	"ocgo-key/internal/hint"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

const (
	work  = "0123456789abcdef" // the id of Work
	other = "aaaaaaaaaaaaaaaa" // the id of a key that no account has
)

func TestKeys(t *testing.T) {
	const undone = "; the repair lists it again (unless it belongs to a pool in another OCGO_KEY_STATE_DIR, in which case leave it) | ocgo-key doctor --repair"
	pending := func(id, op string, ago time.Duration) func(*machine, *state.State) {
		return func(_ *machine, s *state.State) {
			s.Pending = []state.Pending{{ID: id, Op: op, Since: time.Now().Add(-ago)}}
		}
	}
	with := func(id, key string, then func(*machine, *state.State)) func(*machine, *state.State) {
		return func(m *machine, s *state.State) {
			m.keys.keys[id] = key
			if then != nil {
				then(m, s)
			}
		}
	}
	without := func(then func(*machine, *state.State)) func(*machine, *state.State) {
		return func(m *machine, s *state.State) {
			delete(m.keys.keys, work)
			then(m, s)
		}
	}
	const hour = time.Hour
	tests := map[string]struct {
		store  string
		alter  func(*machine, *state.State)
		want   string
		repair string // the report of the repair; empty if there is no repair
		labels []string
	}{
		"all well": {"", nil, "", "", []string{"Work"}},
		"no key": {"", func(m *machine, _ *state.State) { delete(m.keys.keys, work) },
			"problem: the key of Work is not in the keychain, so the account cannot be used (it has none) | ocgo-key replace Work", "", []string{"Work"}},
		"an invalid key": {"", with(work, "sk-1 sk-2", nil),
			"problem: the entry of Work in the keychain is not a valid key (does it contain a space or a line break?) | ocgo-key replace Work", "", []string{"Work"}},
		"a key of no account": {"", with(other, "sk-other", nil),
			"problem: the keychain has a key, under " + other + ", that no account here has" + undone,
			"the key is listed as Recovered 1; `ocgo-key rename 'Recovered 1' NEW` gives it another label", []string{"Work", "Recovered 1"}},
		"a copy that may be another pool's": {"docker:pass", with(other, "sk-"+work, nil),
			"note: the keychain has a second copy of the key of Work, under " + other + ", which no account here has; a pool in another OCGO_KEY_STATE_DIR may have it | echo " + keychain.DockerServerURL(other) + " | docker-credential-pass erase", "", []string{"Work"}},
		"a copy in our own file": {"file", with(other, "sk-"+work, nil),
			"problem: there is a second copy of the key of Work, under " + other + " | ocgo-key doctor --repair", "deleted the second copy; the key of Work stays", []string{"Work"}},
		"no key, of nobody's": {"docker:pass", with(other, "a b", nil),
			"note: the keychain has an entry, under " + other + ", that belongs to no account here and is not a key | echo " + keychain.DockerServerURL(other) + " | docker-credential-pass erase", "", []string{"Work"}},
		"an add under way": {"", with(other, "sk-other", pending(other, "add", 0)), "", "", []string{"Work"}},
		"an add cut short": {"", with(other, "sk-other", pending(other, "add", hour)),
			"problem: a killed command left a key in the keychain that no account has (" + other + ") | ocgo-key doctor --repair",
			"the key is listed as Recovered 1; `ocgo-key rename 'Recovered 1' NEW` gives it another label", []string{"Work", "Recovered 1"}},
		"an add from the future": {"", pending(other, "add", -hour),
			"problem: a killed command left an entry in state.json, but stored no key | ocgo-key doctor --repair", "deleted the entry", []string{"Work"}},
		"an add cut short, done since": {"", with(other, "sk-"+work, pending(other, "add", hour)),
			"problem: a killed command left a second copy of the key of Work in the keychain | ocgo-key doctor --repair", "deleted the second copy; the key of Work stays", []string{"Work"}},
		"an add that left no key": {"docker:pass", with(other, "a b", pending(other, "add", hour)),
			"problem: a killed command left an entry in the keychain, under " + other + ", that is not a key | echo " + keychain.DockerServerURL(other) + " | docker-credential-pass erase", "", []string{"Work"}},
		"a removal cut short": {"", without(pending(work, "remove", hour)),
			"problem: the removal of Work was interrupted: its key is deleted, and the account is still listed | ocgo-key doctor --repair", "Work is removed", nil},
		"a removal cut short before the key was deleted": {"", pending(work, "remove", hour),
			"problem: the removal of Work was interrupted before its key was deleted, so nothing is lost | ocgo-key doctor --repair", "Work stays; `ocgo-key remove Work` removes it", []string{"Work"}},
		"a new key cut short": {"", pending(work, "replace", hour),
			"problem: the replacement of the key of Work was interrupted; the keychain has the old key or the new one | ocgo-key doctor --repair", "Work continues with the key that is in the keychain", []string{"Work"}},
		"a new key, and none": {"", without(pending(work, "replace", hour)),
			"problem: the replacement of the key of Work was interrupted, and the keychain has no key for it | ocgo-key replace Work", "", []string{"Work"}},
		"a move cut short": {"", func(_ *machine, s *state.State) { s.Settings.Move = state.Move{From: "os", To: "file"} },
			"problem: a move of the keys from the OS keychain to the encrypted file was interrupted | ocgo-key migrate --yes --to file", "", []string{"Work"}},
		"a move that the user did not choose": {"", func(m *machine, s *state.State) {
			m.keys.unchosen = hint.As(accounts.ErrNotChosen, errors.New("you did not choose it"))
			s.Settings.Move = state.Move{From: "os", To: "file"}
		}, "problem: a move of the keys from the OS keychain to the encrypted file is recorded in state.json, but you did not choose it; if you began it, run `ocgo-key migrate` again with the same flags; if not, this command removes the record | ocgo-key config --unset store", "", []string{"Work"}},
		"a move that cannot be checked": {"", func(m *machine, s *state.State) {
			m.keys.unchosen = errors.New("the keychain is locked")
			s.Settings.Move = state.Move{From: "os", To: "file"}
		}, "problem: a move of the keys from the OS keychain to the encrypted file is recorded in state.json, and the keychain cannot say whether you began it: the keychain is locked | ocgo-key doctor", "", []string{"Work"}},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			m := newMachine(t)
			m.account(work, "Work")
			m.keys.name = tt.store
			if tt.alter != nil {
				m.change(func(s *state.State) { tt.alter(m, s) })
			}
			if tt.want == "" {
				assert.Equal(t, "each account has its key, and each key its account", m.finds("keys").Well)
				return
			}
			r := m.finds("keys", tt.want)
			assert.Equal(t, tt.repair != "", r.Findings[0].Repairable())
			if tt.repair != "" {
				m.repairs(r, tt.repair)
			}
			o, err := m.pool().Overview(t.Context())
			require.NoError(t, err)
			var labels []string
			for _, v := range o.Accounts {
				labels = append(labels, v.Label)
			}
			assert.Equal(t, tt.labels, labels)
		})
	}
}

func TestKeysAreNotComparedDuringAMove(t *testing.T) {
	m := newMachine(t)
	m.account(work, "Work")
	m.change(func(s *state.State) { s.Settings.Move = state.Move{From: "os", To: "file"} })
	m.keys.moving = true
	assert.Contains(t, m.finds("keys").Skipped, "being moved right now")
}

// Before a repair deletes a key, it checks again that the key is a second copy.
func TestACopyIsLookedAtOnceMoreBeforeItIsDeleted(t *testing.T) {
	for what, meanwhile := range map[string]func(*machine){
		"it was listed": func(m *machine) {
			require.NoError(m.t, m.pool().Add(m.t.Context(), rotation.NewAccount{ID: other, Label: "New"}))
		},
		"the other was replaced": func(m *machine) { m.keys.keys[work] = "sk-new" },
		"the other was deleted":  func(m *machine) { delete(m.keys.keys, work) },
	} {
		t.Run(what, func(t *testing.T) {
			m := newMachine(t)
			m.account(work, "Work")
			m.keys.name, m.keys.keys[other] = "file", "sk-"+work
			r := m.examine("keys")
			require.Len(t, r.Findings, 1)
			meanwhile(m)
			var told warnings
			assert.Empty(t, Repair([]Result{r}, &told))
			assert.Equal(t, warnings{"keys: could not be repaired: the accounts were changed meanwhile"}, told)
			assert.Contains(t, m.keys.keys, other)
		})
	}
}
