package accounts

import (
	"fmt"
	"path/filepath"
	"strings"

	"ocgo-key/internal/hint"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

// CheckStoreChange refuses settings with another store that would lose sight of keys: where they are is changed by a move.
func CheckStoreChange(o rotation.Overview, to rotation.Settings) error {
	var remembered Choice
	now, then := remembered.StoreIn(o.Settings), remembered.StoreIn(to)
	switch {
	case o.Settings.Move != rotation.KeyMove{}:
		return hint.On(fmt.Errorf("a move of the keys from %s to %s was cut short", Place(o.Settings.Move.From), Place(o.Settings.Move.To)),
			"`ocgo-key migrate --to "+text.Quote(o.Settings.Move.To)+"` finishes it")
	case now != then && len(o.Accounts) > 0:
		return hint.On(fmt.Errorf("the keys of %s are in %s", text.Count(len(o.Accounts), "account", "accounts"), Place(now)),
			"`ocgo-key migrate --to "+text.Quote(then)+"` moves them")
	}
	return nil
}

// Rememberable makes a path of an identity one that will be right the next time; a descriptor's never is.
func Rememberable(identity string) (path string, ok bool) {
	for _, passing := range []string{"fd:", "/dev/fd/", "/dev/std", "/proc/"} {
		if strings.HasPrefix(identity, passing) {
			return "", false
		}
	}
	path, err := filepath.Abs(identity)
	return path, err == nil && identity != ""
}
