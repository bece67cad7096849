package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ocgo-key/helper/accounts"
	"ocgo-key/helper/opencode"
	"ocgo-key/internal/atomicfile"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
)

// maxBackup bounds the files that are searched for keys, in bytes.
const maxBackup = 4 << 20

// held are the source's keys that the keychain has.
func (s *source) held(keys accounts.HeldKeys) []keychain.Secret {
	var held []keychain.Secret
	for _, login := range s.logins.Found {
		if _, ok := keys.Of(login.Key); ok && login.Problem == "" {
			held = append(held, login.Key)
		}
	}
	return held
}

// errChanged means that a file is not any more what was read.
var errChanged = errors.New("was changed meanwhile")

// scrub takes the keys that may go, and are in gone, out of the source's file. The file is replaced as a whole, keeps its
// mode, and is left alone if anything but what was read is in it now.
func (s *source) scrub(goes func(keychain.Secret) bool, gone []keychain.Secret) error {
	path, err := filepath.EvalSymlinks(s.path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", s.path)
	}
	if err := Replaceable(info); err != nil {
		return fmt.Errorf("%s %w", s.path, err)
	}
	now, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !os.SameFile(info, s.info) || !bytes.Equal(now, s.text) {
		if left, err := opencode.ReadKeys(now, nil); err == nil && !contains(now, gone) &&
			!slices.ContainsFunc(left.Found, func(l opencode.Login) bool { return goes(l.Key) }) {
			return fs.ErrNotExist // someone else was quicker
		}
		return fmt.Errorf("%s %w", s.path, errChanged)
	}
	scrubbed, err := opencode.ScrubLogins(now, goes)
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	if err := atomicfile.Write(path, scrubbed, info.Mode(), true); err != nil {
		return err
	}
	s.text = scrubbed
	return nil
}

// contains reports whether one of the keys stands in text.
func contains(text []byte, keys []keychain.Secret) bool {
	return slices.ContainsFunc(keys, func(key keychain.Secret) bool { return bytes.Contains(text, []byte(key.Reveal())) })
}

// backups are the files beside the source that look like copies of it, and hold one of the keys.
func (s *source) backups(keys []keychain.Secret) []string {
	folders := []string{filepath.Dir(s.path)}
	if path, err := filepath.EvalSymlinks(s.path); err == nil && !slices.Contains(folders, filepath.Dir(path)) {
		folders = append(folders, filepath.Dir(path))
	}
	base := filepath.Base(s.path)
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	var found []string
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			continue // naming them is a courtesy
		}
		for _, entry := range entries {
			path := filepath.Join(folder, entry.Name())
			if looksLikeBackup(entry.Name(), stem) && !s.is(path) && holds(path, keys) {
				found = append(found, path)
			}
		}
	}
	return found
}

func (s *source) is(path string) bool {
	if s.database != nil && slices.Contains(s.database.Files(), path) {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && s.info != nil && os.SameFile(info, s.info)
}

// looksLikeBackup knows the names that editors, patch and people give to copies.
func looksLikeBackup(name, stem string) bool {
	if stem != "" && strings.HasPrefix(strings.TrimLeft(name, ".#"), stem) {
		return true
	}
	return slices.ContainsFunc([]string{"~", ".bak", ".orig", ".old", ".save", ".swp"}, func(end string) bool { return strings.HasSuffix(name, end) })
}

func holds(path string, keys []keychain.Secret) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxBackup {
		return false
	}
	text, err := os.ReadFile(path)
	return err == nil && contains(text, keys)
}

// tidy is the last part of an import: what still lies about in plain text is taken out, or told of. held is read
// anew from the keychain, so that nothing is taken out that went away again meanwhile.
func (im *importing) tidy() error {
	o, err := im.accounts.Pool.Overview(im.ctx)
	if err != nil {
		return err
	}
	keys, err := im.accounts.Held(o)
	if err != nil {
		return err
	}
	told := map[string]bool{}
	for _, s := range im.found {
		held := s.held(keys)
		if len(held) == 0 && (s.database == nil || !im.Scrub) {
			continue
		}
		if s.path == "" {
			if s.name == opencode.KeyVariable {
				im.tell.Warn(s.name+" still holds a key, in this environment",
					"`unset "+s.name+"`, and take it out of where it is set: a shell's start-up file, or the system's settings")
			}
			continue
		}
		// Before the file itself: after it nobody would know any more what to look for.
		for _, path := range s.backups(held) {
			if !told[path] {
				im.tell.Warn(path+" looks like a backup, and holds a key in plain text", "delete it once you do not need it")
			}
			told[path] = true
		}
		if im.Scrub {
			im.scrubSource(s, keys)
			continue
		}
		im.tell.Warn(s.path+" still holds "+text.Count(len(held), "key", "keys")+" in plain text", "the same command with --scrub takes out what the keychain has")
	}
	return nil
}

// scrubSource takes out of the file what is safe elsewhere: the keychain has it now, and the service confirmed it.
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
			im.trouble++
			im.tell.Warn(fmt.Sprintf("%s was not taken out: %s", placeIn(s, login.Entry), login.Stays), "the key is in the keychain; take it out by hand, and keep what else you need")
		case !goes(login.Key):
			unconfirmed++
		default:
			gone = append(gone, login.Key)
		}
	}
	if unconfirmed > 0 {
		im.trouble++
		im.tell.Warn(fmt.Sprintf("%s still holds %s that the service did not confirm; left there", s.path, text.Count(unconfirmed, "key", "keys")),
			"run the same command again once the service answers; --no-verify takes out what the keychain has, unasked")
	}
	if s.database != nil {
		im.scrubDatabase(s, keys, goes, len(gone))
		return
	}
	if len(gone) == 0 {
		return
	}
	if !im.scrubbed(s, len(gone), s.scrub(goes, gone)) {
		return
	}
	if left, err := opencode.ReadKeys(s.text, nil); err == nil && contains(s.text, gone) && !slices.ContainsFunc(left.Found, func(l opencode.Login) bool { return l.Stays != "" && goes(l.Key) }) {
		im.trouble++
		im.tell.Warn(s.path+" still holds a key in another place, such as a comment", "take it out by hand")
	}
}

// scrubDatabase takes out what may go, and what is left in the file of keys that went before.
func (im *importing) scrubDatabase(s *source, keys accounts.HeldKeys, goes func(keychain.Secret) bool, gone int) {
	home, err := os.UserHomeDir()
	if err != nil {
		im.scrubbed(s, gone, err)
		return
	}
	done, err := s.database.Scrub(im.ctx, goes, keys.Secrets(), opencode.ServiceFile(im.Getenv, home))
	var elsewhere *opencode.ElsewhereError
	if errors.As(err, &elsewhere) {
		if gone > 0 {
			im.scrubbed(s, gone, nil)
		}
		im.trouble++
		im.tell.Warn(text.Line(err.Error()), elsewhereHint(elsewhere))
		return
	}
	if errors.Is(err, opencode.ErrTraces) {
		im.trouble++
		im.tell.Warn(text.Line(err.Error()), "end OpenCode (`opencode service stop`), and run the same command again")
		return
	}
	if err != nil || gone > 0 {
		im.scrubbed(s, gone, err)
	} else if done {
		im.report.Scrubbed = append(im.report.Scrubbed, s.path)
		im.tell.Say("cleared what was left of keys in %s", s.path)
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
	return remove + ", and run the same command again; a model has seen the key: make a new one in the console, and `ocgo-key replace` it"
}

// scrubbed says what came of a scrub of n keys, and reports whether they were taken out now.
func (im *importing) scrubbed(s *source, n int, err error) bool {
	if errors.Is(err, fs.ErrNotExist) {
		return false // someone else was quicker
	}
	if err != nil {
		im.trouble++
		hint := "the keys are in the keychain; take them out of the file by hand"
		if errors.Is(err, errChanged) || errors.Is(err, opencode.ErrRowsChanged) || errors.Is(err, opencode.ErrDatabase) {
			hint = "the keys are in the keychain; run the same command again"
		}
		im.tell.Warn(err.Error()+"; nothing was taken out of it", hint)
		return false
	}
	im.report.Scrubbed = append(im.report.Scrubbed, s.path)
	im.tell.Say("took %s out of %s", text.Count(n, "key", "keys"), s.path)
	return true
}
