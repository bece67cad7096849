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
	"ocgo-key/keychain"
)

// maxBackup is the size of the largest backup that is searched for keys, in bytes.
const maxBackup = 4 << 20

// held returns the keys of the source that the keychain has.
func (s *source) held(keys accounts.HeldKeys) []keychain.Secret {
	var held []keychain.Secret
	for _, login := range s.logins.Found {
		if _, ok := keys.Of(login.Key); ok && login.Problem == "" {
			held = append(held, login.Key)
		}
	}
	return held
}

// errChanged means that a file has changed since it was read.
var errChanged = errors.New("was changed meanwhile")

// scrub removes the keys in gone from the file of the source; goes returns true for these keys
// only. It replaces the file as a whole and keeps its mode. It leaves a file that has changed since
// it was read.
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
	if err := replaceable(info); err != nil {
		return fmt.Errorf("%s %w", s.path, err)
	}
	now, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !os.SameFile(info, s.info) || !bytes.Equal(now, s.text) {
		if left, err := opencode.ReadKeys(now, nil); err == nil && !contains(now, gone) &&
			!slices.ContainsFunc(left.Found, func(l opencode.Login) bool { return goes(l.Key) }) {
			return fs.ErrNotExist // another process has removed the keys
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

// contains reports whether text contains one of the keys.
func contains(text []byte, keys []keychain.Secret) bool {
	return slices.ContainsFunc(keys, func(key keychain.Secret) bool { return bytes.Contains(text, []byte(key.Reveal())) })
}

// backups returns the files beside the source that look like copies of it and contain one of the
// keys.
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
			continue // a file that cannot be read is skipped
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

// looksLikeBackup recognizes common names of backups, from editors, patch and users.
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
