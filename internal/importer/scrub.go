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

// tidy is the last part of an import: what still lies about in plain text is taken out, or told of.
// The keys are read anew from the keychain, so that nothing is taken out that went away again
// meanwhile.
func (im *importing) tidy() error {
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
					"`unset "+s.name+"`, and take it out of where it is set: a shell's start-up file, or the system's settings")
			}
			continue
		}
		// Before the file itself: after it nobody would know any more what to look for.
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
			"the same command with --scrub takes out what the keychain has")
	}
	return nil
}

// scrubSource takes out of the file what is safe elsewhere: the keychain has it now, and the
// service confirmed it.
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
			im.fail(fmt.Sprintf("%s was not taken out: %s", s.place(login.Entry), login.Stays),
				"the key is in the keychain; take it out by hand, and keep what else you need")
		case !goes(login.Key):
			unconfirmed++
		default:
			gone = append(gone, login.Key)
		}
	}
	if unconfirmed > 0 {
		im.fail(fmt.Sprintf("%s still holds %s that the service did not confirm; left there", s.path, text.Count(unconfirmed, "key", "keys")),
			"run the same command again once the service answers; --no-verify takes out what the keychain has, unasked")
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
		im.fail(s.path+" still holds a key in another place, such as a comment", "take it out by hand")
	}
}

// scrubDatabase takes out what may go, and what is left in the file of keys that went before.
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
		im.fail(text.Line(err.Error()), "end OpenCode (`opencode service stop`), and run the same command again")
		return
	}
	if err != nil || gone > 0 {
		im.scrubbed(s, gone, err)
	} else if done {
		im.report.Scrubbed = append(im.report.Scrubbed, s.path)
		im.Reporter.Say("cleared what was left of keys in %s", s.path)
	}
}

// elsewhereHint is what can be done about a key in rows that a scrub leaves alone.
func elsewhereHint(e *opencode.ElsewhereError) string {
	if e.LoginsOnly() {
		return "another login in OpenCode has the same key: log out of it there, and run the same command again"
	}
	remove := "delete that conversation in OpenCode"
	if len(e.Sessions) > 0 {
		remove = "delete that conversation (`opencode session delete " + e.Sessions[0] + "`)"
	}
	return remove + ", and run the same command again; " +
		"a model has seen the key: make a new one in the console, and `ocgo-key replace` it"
}

// scrubbed says what came of a scrub of n keys, and reports whether they were taken out now.
func (im *importing) scrubbed(s *source, n int, err error) bool {
	if errors.Is(err, fs.ErrNotExist) {
		return false // someone else was quicker
	}
	if err != nil {
		next := "the keys are in the keychain; take them out of the file by hand"
		if errors.Is(err, errChanged) || errors.Is(err, opencode.ErrRowsChanged) || errors.Is(err, opencode.ErrDatabase) {
			next = "the keys are in the keychain; run the same command again"
		}
		im.fail(err.Error()+"; nothing was taken out of it", next)
		return false
	}
	im.report.Scrubbed = append(im.report.Scrubbed, s.path)
	im.Reporter.Say("took %s out of %s", text.Count(n, "key", "keys"), s.path)
	return true
}
