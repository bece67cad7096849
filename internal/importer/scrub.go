package importer

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"ocgo-key/helper/accounts"
	"ocgo-key/helper/opencode"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
)

// clearSources removes or reports the keys that are still in plain text. It reads the keychain
// again, so that it does not remove a key that was deleted from the keychain meanwhile.
func (im *importing) clearSources() error {
	o, err := im.Pool.Overview(im.ctx)
	if err != nil {
		return err
	}
	keys, err := im.Accounts.Held(o)
	if err != nil {
		return err
	}
	warned := map[string]bool{} // backups
	for _, s := range im.sources {
		held := s.held(keys)
		if len(held) == 0 && (s.database == nil || !im.Scrub) {
			continue
		}
		if s.path == "" {
			if s.name == opencode.KeyVariable {
				im.Reporter.Warn(s.name+" still holds a key, in this environment",
					"`unset "+s.name+"`, and remove it from the place that sets it: a shell's start-up file, or the system's settings")
			}
			continue
		}
		// Search the backups before the scrub changes the source: the keys to search for are in the
		// source.
		for _, path := range s.backups(held) {
			if !warned[path] {
				im.Reporter.Warn(path+" looks like a backup, and holds a key in plain text", "delete it once you do not need it")
			}
			warned[path] = true
		}
		if im.Scrub {
			im.scrubSource(s, keys)
			continue
		}
		im.Reporter.Warn(s.path+" still holds "+text.Count(len(held), "key", "keys")+" in plain text",
			"the same command with --scrub removes the keys that the keychain has")
	}
	return nil
}

// scrubSource removes from the source the keys that the keychain has and the service has confirmed.
func (im *importing) scrubSource(s *source, keys accounts.HeldKeys) {
	goes := func(key keychain.Secret) bool {
		_, ok := keys.Of(key)
		return ok && im.isConfirmed(key)
	}
	var gone []keychain.Secret
	unconfirmed := 0
	for _, login := range s.logins.Found {
		_, ok := keys.Of(login.Key)
		switch {
		case login.Problem != "" || !ok:
		case login.Stays != "":
			im.fail(fmt.Sprintf("%s was not removed: %s", s.place(login.Entry), login.Stays),
				"the key is in the keychain; remove it by hand, and keep what else you need")
		case !goes(login.Key):
			unconfirmed++
		default:
			gone = append(gone, login.Key)
		}
	}
	if unconfirmed > 0 {
		im.fail(fmt.Sprintf("%s still holds %s that the service did not confirm; nothing was removed", s.path, text.Count(unconfirmed, "key", "keys")),
			"run the same command again once the service answers; --no-verify removes every key that the keychain has, without asking the service")
	}
	if s.database != nil {
		im.scrubDatabase(s, keys, goes, len(gone))
		return
	}
	if len(gone) == 0 || !im.scrubbed(s, len(gone), s.scrub(goes, gone)) {
		return
	}
	stays := func(l opencode.Login) bool { return l.Stays != "" && goes(l.Key) }
	if left, err := opencode.ReadKeys(s.text, nil); err == nil && contains(s.text, gone) && !slices.ContainsFunc(left.Found, stays) {
		im.fail(s.path+" still holds a key in another place, such as a comment", "remove it by hand")
	}
}

// scrubDatabase removes keys from the database, and the remains of keys that were deleted earlier.
func (im *importing) scrubDatabase(s *source, keys accounts.HeldKeys, goes func(keychain.Secret) bool, gone int) {
	home, err := im.Env.Home()
	if err != nil {
		im.scrubbed(s, gone, err)
		return
	}
	done, err := s.database.Scrub(im.ctx, goes, keys.Secrets(), opencode.ServiceFile(im.Env.Getenv, home))
	if elsewhere, ok := errors.AsType[*opencode.ElsewhereError](err); ok {
		if gone > 0 {
			im.scrubbed(s, gone, nil)
		}
		im.fail(text.Line(err.Error()), elsewhereHint(elsewhere))
		return
	}
	if errors.Is(err, opencode.ErrTraces) {
		im.fail(text.Line(err.Error()), "stop OpenCode (`opencode service stop`), and run the same command again")
		return
	}
	if err != nil || gone > 0 {
		im.scrubbed(s, gone, err)
	} else if done {
		im.report.Scrubbed = append(im.report.Scrubbed, s.path)
		im.Reporter.Say("cleared the remains of keys in %s", s.path)
	}
}

// elsewhereHint returns the next step for a key in a row that a scrub does not change.
func elsewhereHint(e *opencode.ElsewhereError) string {
	if e.LoginsOnly() {
		return "another login in OpenCode has the same key: log out of it there, and run the same command again"
	}
	remove := "delete that conversation in OpenCode"
	if len(e.Sessions) > 0 {
		remove = "delete that conversation (`opencode session delete " + e.Sessions[0] + "`)"
	}
	return remove + ", and run the same command again; " +
		"a model has seen the key: create a new one in the console, and `ocgo-key replace` it"
}

// scrubbed tells the user the result of removing n keys. It returns true if they were removed.
func (im *importing) scrubbed(s *source, n int, err error) bool {
	if errors.Is(err, fs.ErrNotExist) {
		return false // another process has removed them
	}
	if err != nil {
		next := "the keys are in the keychain; remove them from the file by hand"
		if errors.Is(err, errChanged) || errors.Is(err, opencode.ErrRowsChanged) || errors.Is(err, opencode.ErrDatabase) {
			next = "the keys are in the keychain; run the same command again"
		}
		im.fail(err.Error()+"; nothing was removed from it", next)
		return false
	}
	im.report.Scrubbed = append(im.report.Scrubbed, s.path)
	im.Reporter.Say("removed %s from %s", text.Count(n, "key", "keys"), s.path)
	return true
}
