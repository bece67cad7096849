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

// keychainCheck checks the key store.
type keychainCheck struct{ *examination }

// keysSeen is the content of the keychain. The keys are only compared with each other and sent to
// the service.
type keysSeen struct {
	err      error         // why the keychain cannot be read
	took     time.Duration // for one answer
	complete bool          // whether ids has all entries of the keychain
	ids      []string
	held     map[string]keychain.Secret // by id
	failed   map[string]error           // by id, if the key is missing or invalid, or may be in a locked keyring
}

// readKeys reads the key of every id that the keychain or the state lists. It skips keys in a locked
// keyring: reading them would make the keychain ask the user for a password.
func (e keychainCheck) readKeys() keysSeen {
	ctx, cancel := context.WithTimeout(e.ctx, keychainLimit)
	defer cancel()
	seen := keysSeen{held: map[string]keychain.Secret{}, failed: map[string]error{}}
	store := e.Keys
	inspection, err := store.Inspect(ctx)
	if err != nil {
		seen.err = err
		return seen
	}
	seen.complete, seen.ids = inspection.Complete, inspection.IDs
	locked := inspection.Locked // the error for a key that no open keyring has
	start := time.Now()
	if _, err := store.Get(ctx, accounts.NewID()); err != nil && !errors.Is(err, keychain.ErrNotFound) {
		seen.err = keychain.WithoutAccount(err)
		return seen
	}
	seen.took = time.Since(start)
	ids := slices.Clone(seen.ids)
	if s := e.state().state; s != nil {
		for _, a := range s.Accounts {
			ids = append(ids, a.ID)
		}
		for _, p := range s.Pending {
			ids = append(ids, p.ID)
		}
	}
	for _, id := range ids {
		if _, ok := seen.held[id]; ok || seen.failed[id] != nil {
			continue
		}
		if locked != nil && !slices.Contains(seen.ids, id) {
			seen.failed[id] = locked
			continue
		}
		key, err := store.Get(ctx, id)
		failed, ok := errors.AsType[*keychain.Error](err)
		switch {
		case err == nil:
			seen.held[id] = key
		case errors.Is(err, keychain.ErrNotFound), ok && failed.Kind == keychain.Failed:
			seen.failed[id] = err
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
	fix := "ocgo-key doctor"
	what = seen.err.Error()
	if failed, ok := errors.AsType[*keychain.Error](seen.err); ok {
		if failed.Hint != "" {
			what += " (" + failed.Hint + ")"
		}
		if failed.Fix != "" {
			fix = e.keychainFix(failed.Fix)
		}
	}
	r.found(Problem, fix, "no key can be read or stored: %s", what)
}

// keychainFix returns fix, or the command that installs the program that fix needs.
func (e keychainCheck) keychainFix(fix string) string {
	const daemon = "gnome-keyring-daemon"
	if !strings.Contains(fix, daemon) {
		return fix
	}
	if _, err := exec.LookPath(daemon); err == nil {
		return fix
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
	return fix
}

// took formats a duration: "4 ms", "1.2 s".
func took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", max(1, d.Milliseconds()))
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// deleteCommand returns the command that deletes one of our keys with the store's own tool. There is
// no such tool for the encrypted file.
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
