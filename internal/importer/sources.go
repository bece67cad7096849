package importer

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
	"ocgo-key/internal/keyform"
	"ocgo-key/internal/report"
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
	database *Database
}

// Stdin is what From calls standard input.
const Stdin = "-"

// Options say what to import, and how.
type Options struct {
	From     *string // one file, or [Stdin]; nil: all the usual places
	Scrub    bool    // take the keys out of the files, once the store has them
	NoVerify bool    // do not ask the service about the keys
	Input    io.Reader
	Getenv   func(string) string
}

// Sources are the places where keys were found.
type Sources struct {
	Options
	Looked  []string // every place that was looked at
	Trouble int      // how many of the usual places could not be read
	found   []*source
}

// Find reads what From names, or all the usual places. Of those the ones that can't be read are told of.
func Find(o Options, tell report.Reporter) (*Sources, error) {
	s := &Sources{Options: o}
	var err error
	switch {
	case o.From == nil:
		err = s.usual(tell)
	case *o.From == Stdin:
		s.Looked = []string{"stdin"}
		s.found, err = oneSource(readSource("stdin", o.Input, nil, opencode.ReadKeys))
	default:
		s.Looked = []string{*o.From}
		if IsDatabase(*o.From) {
			s.found, err = oneSource(openDatabase(*o.From))
		} else {
			s.found, err = oneSource(openSource(*o.From, opencode.ReadKeys))
		}
	}
	if errors.Is(err, opencode.ErrList) {
		err = hint.On(hint.As(hint.ErrInput, err), "nothing was read of it; take out what is no key, or begin those lines with #")
	}
	return s, err
}

// Empty reports whether there is nothing to import or to take out.
func (s *Sources) Empty() bool { return len(s.found) == 0 }

// Files are those that hold keys.
func (s *Sources) Files() []string {
	var files []string
	for _, source := range s.found {
		if source.path != "" && len(source.logins.Found) > 0 {
			files = append(files, source.path)
		}
	}
	return files
}

// reader is opencode.ReadLogins, or opencode.ReadKeys where the user named the source: elsewhere no text is a list.
type reader func(text, rotation []byte) (opencode.Logins, error)

func oneSource(s *source, err error) ([]*source, error) {
	if err != nil || len(s.logins.Found) == 0 && s.database == nil {
		return nil, err
	}
	return []*source{s}, nil
}

// usual reads the usual places.
func (s *Sources) usual(tell report.Reporter) error {
	home, err := os.UserHomeDir()
	if err != nil {
		return hint.On(fmt.Errorf("where OpenCode keeps its logins is not known: %w", err), "name a file with --from PATH")
	}
	database := opencode.DatabasePath(s.Getenv, home)
	for _, path := range Places(s.Getenv, home) {
		s.Looked = append(s.Looked, path)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) || seen(s.found, info) {
			continue
		}
		var one *source
		if info != nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is not a regular file", path) // a pipe might never end
		} else if path == database {
			one, err = openDatabase(path)
		} else {
			one, err = openSource(path, opencode.ReadLogins)
		}
		if err != nil {
			s.Trouble++
			tell.Warn(err.Error(), "mend it, or move it away; the other places are looked at all the same")
			continue
		}
		if len(one.logins.Found) > 0 || s.Scrub && one.database != nil { // one without logins may hold what is left of some
			s.found = append(s.found, one)
		}
	}
	s.Looked = append(s.Looked, opencode.KeyVariable)
	// What `run` puts there stands for the pool.
	if raw := s.Getenv(opencode.KeyVariable); raw != "" && !strings.HasPrefix(raw, keyform.StandIn) {
		login := opencode.Login{Entry: opencode.KeyVariable}
		if login.Key, err = keychain.ParseKey(raw); err != nil {
			login.Problem = err.Error()
		}
		s.found = append(s.found, &source{name: opencode.KeyVariable, logins: opencode.Logins{Found: []opencode.Login{login}, Last: -1}})
	}
	return nil
}

// seen reports whether the file is a source already, under another name.
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
	database, err := ReadDatabase(context.Background(), path)
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
