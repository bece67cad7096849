package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/keyform"
	"ocgo-key/internal/report"
	"ocgo-key/keychain"
)

// Sources has the content of the files and variables from which keys are imported.
type Sources struct {
	Looked   []string // the names of all sources, with and without keys
	Failures int      // the number of sources that could not be read
	found    []*source
}

// Empty reports whether no source has a key.
func (s *Sources) Empty() bool { return len(s.found) == 0 }

// Files returns the paths of the files that have keys.
func (s *Sources) Files() []string {
	var files []string
	for _, one := range s.found {
		if one.path != "" && len(one.logins.Found) > 0 {
			files = append(files, one.path)
		}
	}
	return files
}

// source is one file or variable from which keys are imported.
type source struct {
	name   string // the name for the user: a path, "stdin", or a variable
	path   string // empty if the source is not a file
	text   []byte // the content when it was read
	info   os.FileInfo
	logins opencode.Logins
	// database is nil if the source is a text.
	database *database
}

// place returns the user's name for an entry of the source.
func (s *source) place(entry string) string {
	if s.name == entry {
		return entry
	}
	return s.name + ": " + entry
}

// Stdin reads keys from standard input.
func Stdin(r io.Reader) (*Sources, error) {
	s, err := readSource("stdin", r, nil, opencode.ReadKeys)
	return named("stdin", s, err)
}

// Named reads the file that the user named.
func Named(ctx context.Context, path string) (*Sources, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	_ = f.Close()
	if isDatabase(path) {
		s, err := openDatabase(ctx, path)
		return named(path, s, err)
	}
	s, err := openSource(path, opencode.ReadKeys)
	return named(path, s, err)
}

// named returns Sources with only the source that the user named.
func named(name string, s *source, err error) (*Sources, error) {
	if errors.Is(err, opencode.ErrList) {
		err = hint.On(hint.As(hint.ErrInput, err),
			"nothing was imported; remove the lines that are not keys, or begin them with #")
	}
	if err != nil {
		return nil, err
	}
	sources := &Sources{Looked: []string{name}}
	if len(s.logins.Found) > 0 || s.database != nil {
		sources.found = []*source{s}
	}
	return sources, nil
}

// Usual reads all files and variables where other programs keep keys. It warns about those that
// cannot be read. With scrub, a database without logins is a source too: it may contain remains of
// deleted keys.
func Usual(ctx context.Context, env Env, scrub bool, r report.Reporter) (*Sources, error) {
	home, err := env.Home()
	if err != nil {
		return nil, hint.On(fmt.Errorf("cannot tell where OpenCode keeps its logins: %w", err),
			"name a file with --from PATH")
	}
	sources := &Sources{}
	databasePath := opencode.DatabasePath(env.Getenv, home)
	for _, path := range places(env.Getenv, home) {
		sources.Looked = append(sources.Looked, path)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) || sources.has(info) {
			continue
		}
		var s *source
		if path == databasePath {
			s, err = openDatabase(ctx, path)
		} else {
			s, err = openSource(path, opencode.ReadLogins)
		}
		if err != nil {
			sources.Failures++
			r.Warn(err.Error(), "repair or move the file; the import continues with the others")
			continue
		}
		if len(s.logins.Found) > 0 || scrub && s.database != nil {
			sources.found = append(sources.found, s)
		}
	}
	sources.Looked = append(sources.Looked, opencode.KeyVariable)
	if s := fromVariable(env.Getenv(opencode.KeyVariable)); s != nil {
		sources.found = append(sources.found, s)
	}
	return sources, nil
}

// fromVariable returns the source for the value of OpenCode's variable. It returns nil if the value
// is empty, or the gateway's token that `run` sets.
func fromVariable(raw string) *source {
	if raw == "" || strings.HasPrefix(raw, keyform.StandIn) {
		return nil
	}
	login := opencode.Login{Entry: opencode.KeyVariable}
	var err error
	if login.Key, err = keychain.ParseKey(raw); err != nil {
		login.Problem = err.Error()
	}
	return &source{name: opencode.KeyVariable, logins: opencode.Logins{Found: []opencode.Login{login}, Last: -1}}
}

// has reports whether the file is already a source, possibly under another name.
func (s *Sources) has(info os.FileInfo) bool {
	return info != nil && slices.ContainsFunc(s.found, func(one *source) bool { return one.info != nil && os.SameFile(one.info, info) })
}

// reader is opencode.ReadLogins. If the user named the source, it is opencode.ReadKeys, which also
// accepts lists of keys.
type reader func(text, rotation []byte) (opencode.Logins, error)

// openRegular opens the regular file at path. It refuses a pipe: opening a pipe waits for a writer,
// and its input may never end.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, hint.On(hint.Input("%s is not a regular file", path), "`--from -` reads keys that are piped in")
	}
	return os.Open(path)
}

func openSource(path string, read reader) (*source, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var rotation []byte // without it, the position in the accounts file is used
	if beside, err := openRegular(filepath.Join(filepath.Dir(path), opencode.RotationFile)); err == nil {
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

func openDatabase(ctx context.Context, path string) (*source, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	_ = f.Close()
	if err != nil {
		return nil, err
	}
	db, err := readDatabase(ctx, path)
	if err != nil {
		return nil, err
	}
	return &source{name: path, path: path, info: info, logins: db.Logins, database: db}, nil
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

// readBounded reads one byte more than allowed, so that the caller can detect input that is too
// large.
func readBounded(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, opencode.MaxLoginFile+1))
}
