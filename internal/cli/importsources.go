package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/importer"
	"ocgo-key/keychain"
)

// source is one place that keys are imported from.
type source struct {
	name   string // what people call it: a path, "stdin", or a variable
	path   string // of a file; empty for what is none
	text   []byte // as it was read
	info   os.FileInfo
	logins opencode.Logins
	// database is what was read where the source is one; nil where it is a text.
	database *importer.Database
}

// stdinName is what --from calls standard input.
const stdinName = "-"

// sources reads what --from names, or all the usual places. Of those the ones that can't be read are told of and
// counted in trouble; looked names every place that was looked at.
func (c *importCmd) sources(a *app) (found []*source, looked []string, trouble int, err error) {
	switch {
	case c.From == nil:
		return c.usualSources(a)
	case *c.From == stdinName:
		looked = []string{"stdin"}
		found, err = oneSource(readSource("stdin", a.stdin, nil, opencode.ReadKeys))
	default:
		looked = []string{*c.From}
		if importer.IsDatabase(*c.From) {
			found, err = oneSource(openDatabase(*c.From))
		} else {
			found, err = oneSource(openSource(*c.From, opencode.ReadKeys))
		}
	}
	if errors.Is(err, opencode.ErrList) {
		err = hint.On(hint.As(hint.ErrInput, err), "nothing was read of it; take out what is no key, or begin those lines with #")
	}
	return found, looked, 0, err
}

// reader is opencode.ReadLogins, or opencode.ReadKeys where the user named the source: elsewhere no text is a list.
type reader func(text, rotation []byte) (opencode.Logins, error)

func oneSource(s *source, err error) ([]*source, error) {
	if err != nil || len(s.logins.Found) == 0 && s.database == nil {
		return nil, err
	}
	return []*source{s}, nil
}

func (c *importCmd) usualSources(a *app) (found []*source, looked []string, trouble int, err error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, nil, 0, hint.On(fmt.Errorf("where OpenCode keeps its logins is not known: %w", err), "name a file with --from PATH")
	}
	database := opencode.DatabasePath(a.getenv, home)
	for _, path := range importer.Places(a.getenv, home) {
		looked = append(looked, path)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) || seen(found, info) {
			continue
		}
		var s *source
		if info != nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is not a regular file", path) // a pipe might never end
		} else if path == database {
			s, err = openDatabase(path)
		} else {
			s, err = openSource(path, opencode.ReadLogins)
		}
		if err != nil {
			trouble++
			a.Warn(err.Error(), "mend it, or move it away; the other places are looked at all the same")
			continue
		}
		if len(s.logins.Found) > 0 || c.Scrub && s.database != nil { // one without logins may hold what is left of some
			found = append(found, s)
		}
	}
	looked = append(looked, opencode.KeyVariable)
	// What `run` puts there stands for the pool.
	if raw := a.getenv(opencode.KeyVariable); raw != "" && !strings.HasPrefix(raw, standInPrefix) {
		login := opencode.Login{Entry: opencode.KeyVariable}
		if login.Key, err = keychain.ParseKey(raw); err != nil {
			login.Problem = err.Error()
		}
		found = append(found, &source{name: opencode.KeyVariable, logins: opencode.Logins{Found: []opencode.Login{login}, Last: -1}})
	}
	return found, looked, trouble, nil
}

// seen tells whether the file is a source already, under another name.
func seen(found []*source, info os.FileInfo) bool {
	for _, s := range found {
		if info != nil && s.info != nil && os.SameFile(s.info, info) {
			return true
		}
	}
	return false
}

func openSource(path string, read reader) (*source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var rotation []byte // without it the accounts file's own position counts
	if beside, err := os.Open(filepath.Join(filepath.Dir(path), opencode.RotationFile)); err == nil {
		rotation, _ = readBounded(beside)
		_ = beside.Close()
	}
	s, err := readSource(path, f, rotation, read)
	if err != nil {
		return nil, err
	}
	s.path = path
	s.info, err = f.Stat()
	return s, err
}

func openDatabase(path string) (*source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	database, err := importer.ReadDatabase(context.Background(), path)
	if err != nil {
		return nil, err
	}
	return &source{name: path, path: path, info: info, logins: database.Logins, database: database}, nil
}

func readSource(name string, r io.Reader, rotation []byte, read reader) (*source, error) {
	text, err := readBounded(r)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", name, err)
	}
	logins, err := read(text, rotation)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &source{name: name, text: text, logins: logins}, nil
}

// readBounded reads a little more than fits, so that what is too large is seen to be.
func readBounded(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, opencode.MaxLoginFile+1))
}
