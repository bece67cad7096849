package doctor

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"ocgo-key/helper/accounts"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
)

// keychainCheck looks at the key store.
type keychainCheck struct{ *examination }

// keysSeen is what the keychain holds. The keys are compared with each other, and used to ask the
// service; they go nowhere else.
type keysSeen struct {
	err   error         // why it cannot be asked
	took  time.Duration // for one answer
	lists bool          // ids is all that it holds
	ids   []string
	held  map[string]keychain.Secret // by id
	odd   map[string]error           // ids whose key is missing, is no key, or may be in a place that is locked
}

// readKeys reads the key of every id that the keychain lists or the state names. It skips keys in a
// keyring that is known to be locked: reading them would make the keychain ask its user.
func (e keychainCheck) readKeys() keysSeen {
	ctx, cancel := context.WithTimeout(e.ctx, keychainLimit)
	defer cancel()
	seen := keysSeen{held: map[string]keychain.Secret{}, odd: map[string]error{}}
	store := e.Keys
	inspection, err := store.Inspect(ctx)
	if err != nil {
		seen.err = err
		return seen
	}
	seen.lists, seen.ids = inspection.Complete, inspection.IDs
	shut := inspection.Locked // for a key that is not among those that are open
	start := time.Now()
	if _, err := store.Get(ctx, accounts.NewID()); err != nil && !errors.Is(err, keychain.ErrNotFound) {
		seen.err = keychain.WithoutAccount(err)
		return seen
	}
	seen.took = time.Since(start)
	ids := append([]string(nil), seen.ids...)
	if s := e.state().state; s != nil {
		for _, a := range s.Accounts {
			ids = append(ids, a.ID)
		}
		for _, p := range s.Pending {
			ids = append(ids, p.ID)
		}
	}
	for _, id := range ids {
		if _, ok := seen.held[id]; ok || seen.odd[id] != nil {
			continue
		}
		if shut != nil && !slices.Contains(seen.ids, id) {
			seen.odd[id] = shut
			continue
		}
		key, err := store.Get(ctx, id)
		failed, ok := errors.AsType[*keychain.Error](err)
		switch {
		case err == nil:
			seen.held[id] = key
		case errors.Is(err, keychain.ErrNotFound), ok && failed.Kind == keychain.Failed:
			seen.odd[id] = err
		default:
			seen.err = keychain.WithoutAccount(err)
			return seen
		}
	}
	return seen
}

func (e keychainCheck) checkKeychain(r *Result) {
	seen := e.keychain()
	what := "unlocked"
	if name := e.Keys.Name(); name != accounts.OSStore {
		what = accounts.Place(name)
	}
	r.Well = fmt.Sprintf("%s, answers in %s", what, took(seen.took))
	if seen.err == nil {
		return
	}
	mend := "ocgo-key doctor"
	what = seen.err.Error()
	if failed, ok := errors.AsType[*keychain.Error](seen.err); ok {
		if failed.Hint != "" {
			what += " (" + failed.Hint + ")"
		}
		if failed.Fix != "" {
			mend = e.keychainMend(failed.Fix)
		}
	}
	r.found(Problem, mend, "no key can be read or stored: %s", what)
}

// keychainMend returns the keychain's own command, or the one that installs the program it needs.
func (e keychainCheck) keychainMend(mend string) string {
	const daemon = "gnome-keyring-daemon"
	if !strings.Contains(mend, daemon) {
		return mend
	}
	if _, err := exec.LookPath(daemon); err == nil {
		return mend
	}
	for _, tool := range []struct{ name, command string }{
		{"apt-get", "apt-get install -y gnome-keyring"}, {"dnf", "dnf install -y gnome-keyring"},
		{"pacman", "pacman -S --noconfirm gnome-keyring"}, {"zypper", "zypper install -y gnome-keyring"}, {"apk", "apk add gnome-keyring"},
	} {
		if _, err := exec.LookPath(tool.name); err == nil {
			if e.uid == 0 {
				return tool.command
			}
			return "sudo " + tool.command
		}
	}
	return mend
}

// took returns a duration as it is shown: "4 ms", "1.2 s".
func took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", max(1, d.Milliseconds()))
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// deleteCommand returns the command of the store's own tool that deletes one of our keys. The
// encrypted file has none.
func deleteCommand(store, id string) string {
	helper, isHelper := strings.CutPrefix(store, keychain.DockerPrefix)
	switch {
	case isHelper:
		return "echo " + text.Quote(keychain.DockerServerURL(id)) + " | docker-credential-" + helper + " erase"
	case runtime.GOOS == "darwin":
		return "security delete-generic-password -s " + keychain.Service + " -a " + text.Quote(id)
	case runtime.GOOS == "windows":
		return "cmdkey /delete:" + text.Quote(keychain.Service+":"+id)
	}
	return "secret-tool clear service " + keychain.Service + " username " + text.Quote(id)
}
