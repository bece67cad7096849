package opencode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"ocgo-key/keychain"
)

// Limits of a scrub: its longest duration, and the largest database, in bytes, that is rewritten
// while a service uses it and has to wait.
const (
	scrubLimit = 2 * time.Minute
	maxRewrite = 256 << 20
)

// searchChunk is how much of a file is searched at a time, in bytes.
const searchChunk = 1 << 20

// ErrTraces means that rows were removed, but their keys are still in the database's files.
var ErrTraces = errors.New("a removed key is still in the file")

// ErrRowsChanged means that a row has changed since it was read; then nothing is removed.
var ErrRowsChanged = errors.New("was changed meanwhile")

// Scrub calls taken with the key of each row in the database at path, and removes the rows for
// which taken returns true. Afterwards the database and its write-ahead log contain none of these
// keys, and no key of the list traces. Rows with Stays are kept, and so is all other data. If
// service is not nil, OpenCode's service removes the rows itself, so that it notices the change.
// Scrub returns how many rows it removed, and whether it changed anything. Errors wrap ErrDatabase,
// ErrRowsChanged, ErrTraces or an *ElsewhereError. With ErrTraces and *ElsewhereError, rows may
// have been removed.
func (c *Credentials) Scrub(ctx context.Context, path string, taken func(keychain.Secret) bool, traces []keychain.Secret, service *Service) (gone int, done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, scrubLimit)
	defer cancel()
	var ids []string
	var keys, stay []keychain.Secret
	for i, login := range c.Found {
		switch {
		case login.removable(taken):
			ids, keys = append(ids, c.ids[i]), append(keys, login.Key)
		case login.Problem == "":
			stay = append(stay, login.Key)
		}
	}
	s := credentialScrub{ctx: ctx, path: path, service: service, keys: slices.Clone(keys)}
	for _, key := range traces {
		if !slices.ContainsFunc(stay, key.Equal) && !slices.ContainsFunc(keys, key.Equal) {
			s.keys = append(s.keys, key)
		}
	}
	if len(ids) == 0 {
		if left, err := s.traces(); err != nil || len(left) == 0 {
			return 0, false, err
		}
	}
	if s.db, err = connect(ctx, path, sqlite3.OPEN_READWRITE); err != nil {
		return 0, false, databaseError(path, err)
	}
	defer func() { _ = s.db.Close() }()
	gone, err = s.drop(ids, keys)
	if err != nil {
		if !errors.Is(err, ErrRowsChanged) {
			err = databaseError(path, err)
		}
		return 0, false, err
	}
	return gone, true, s.clean()
}

// credentialScrub is the state of one scrub.
type credentialScrub struct {
	ctx     context.Context
	db      *sqlite3.Conn
	path    string
	service *Service
	keys    []keychain.Secret // keys that must not be in any file after the scrub
}

// drop removes the rows. It overwrites their keys first, because rows that OpenCode deletes stay in
// the file.
func (s *credentialScrub) drop(ids []string, keys []keychain.Secret) (int, error) {
	if err := s.db.Exec("PRAGMA secure_delete=ON"); err != nil {
		return 0, err
	}
	gone, err := s.overwrite(ids, keys)
	if err != nil || gone == 0 {
		return 0, err
	}
	if s.service != nil {
		for _, id := range ids {
			if s.service.RemoveCredential(s.ctx, id) != nil {
				break // the service may be ending; deleteMoved deletes the other rows
			}
		}
	}
	return gone, s.deleteMoved()
}

// overwrite replaces the keys with movedKey in one transaction. If a row has another key by now, it
// changes nothing. Rows that no longer exist are ignored.
func (s *credentialScrub) overwrite(ids []string, keys []keychain.Secret) (gone int, err error) {
	txn, err := s.db.BeginImmediate()
	if err != nil {
		return 0, err
	}
	defer txn.End(&err)
	for i, id := range ids {
		there, same := false, false
		err := rows(s.db, "SELECT label, value FROM credential WHERE id = ?", func(row *sqlite3.Stmt) {
			there = true
			login, ok := credentialLogin(row.ColumnText(0), row.ColumnText(1))
			same = ok && login.Problem == "" && login.Stays == "" && login.Key.Equal(keys[i])
		}, id)
		if err != nil {
			return 0, err
		}
		if there && !same {
			return 0, fmt.Errorf("%s %w", s.path, ErrRowsChanged)
		}
		if there {
			gone++
			if err := s.run("UPDATE credential SET value = ? WHERE id = ?", movedValue, id); err != nil {
				return 0, err
			}
		}
	}
	return gone, nil
}

const movedValue = `{"type":"key","key":"` + movedKey + `"}`

// deleteMoved deletes the rows whose keys are overwritten, including those that a killed scrub
// left. If a provider then has no active row, its newest row becomes active, as in OpenCode.
func (s *credentialScrub) deleteMoved() (err error) {
	has, err := columns(s.db)
	if err != nil {
		return err
	}
	txn, err := s.db.BeginImmediate()
	if err != nil {
		return err
	}
	defer txn.End(&err)
	if has["active"] && has["time_created"] {
		err := s.run(`UPDATE credential SET active = 1 WHERE id IN (
			SELECT (SELECT id FROM credential n WHERE n.integration_id = o.integration_id AND n.value <> ?1 ORDER BY time_created DESC, id DESC LIMIT 1)
			FROM credential o WHERE o.value = ?1 AND o.active <> 0)`, movedValue)
		if err != nil {
			return err
		}
	}
	return s.run("DELETE FROM credential WHERE value = ?", movedValue)
}

func (s *credentialScrub) run(statement string, args ...string) error {
	return rows(s.db, statement, func(*sqlite3.Stmt) {}, args...)
}

// left empties the write-ahead log and returns the keys that are still in the database's files.
func (s *credentialScrub) left() ([]keychain.Secret, error) {
	if err := s.emptyLog(); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", s.path, ErrTraces, err)
	}
	return s.traces()
}

// writeAnew rewrites the database without its free pages.
func (s *credentialScrub) writeAnew() error {
	if info, err := os.Stat(s.path); err == nil && s.service != nil && info.Size() > maxRewrite {
		return fmt.Errorf("%s: %w: the database is too large to be rewritten while OpenCode's service runs", s.path, ErrTraces)
	}
	if err := s.db.Exec("VACUUM"); err != nil {
		return fmt.Errorf("%s: %w: %w", s.path, ErrTraces, databaseError(s.path, err))
	}
	return nil
}

var errLogBusy = errors.New("another process uses the write-ahead log")

// emptyLog writes the write-ahead log into the database and truncates it.
func (s *credentialScrub) emptyLog() error {
	busy := false
	err := rows(s.db, "PRAGMA wal_checkpoint(TRUNCATE)", func(row *sqlite3.Stmt) { busy = row.ColumnInt(0) != 0 })
	if err == nil && busy {
		return errLogBusy
	}
	if err != nil {
		return databaseError(s.path, err)
	}
	return nil
}

// traces returns the keys that are in the database's files.
func (s *credentialScrub) traces() (found []keychain.Secret, err error) {
	for _, path := range DatabaseFiles(s.path) {
		if found, err = fileHolds(path, s.keys, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// DatabaseFiles returns the paths of all files of a database, whether they exist or not.
func DatabaseFiles(path string) []string {
	return []string{path, path + "-wal", path + "-shm", path + "-journal"}
}

// fileHolds adds the keys that a file contains to found. A file that does not exist contains none.
func fileHolds(path string, keys, found []keychain.Secret) ([]keychain.Secret, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	longest := 0
	for _, key := range keys {
		longest = max(longest, len(key.Reveal()))
	}
	err = inChunks(f, longest, func(chunk []byte) {
		for _, key := range keys {
			if bytes.Contains(chunk, []byte(key.Reveal())) && !slices.ContainsFunc(found, key.Equal) {
				found = append(found, key)
			}
		}
	})
	return found, err
}

// inChunks reads r in parts and calls see with each. Each part begins with the last overlap bytes
// of the part before it.
func inChunks(r io.Reader, overlap int, see func(chunk []byte)) error {
	buffer := make([]byte, overlap+searchChunk)
	for kept := 0; ; {
		n, err := io.ReadFull(r, buffer[kept:])
		chunk := buffer[:kept+n]
		see(chunk)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		kept = copy(buffer, chunk[max(len(chunk)-overlap, 0):])
	}
}
