package opencode

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"ocgo-key/keychain"
)

// ElsewhereError means that a key is in rows that a scrub does not remove, such as the messages of
// a conversation. The key stays in the database's files as long as these rows exist.
type ElsewhereError struct {
	Path     string
	Tables   []string // names of the tables, in the database's order
	Sessions []string // sorted ids of the conversations that these rows belong to

	keys []keychain.Secret
}

func (e *ElsewhereError) Error() string {
	text := e.Path + ": a key is also in the " + oneOrMore("table", e.Tables)
	if len(e.Sessions) > 0 {
		text += ", in the " + oneOrMore("conversation", e.Sessions)
	}
	return text + "; it was not removed there"
}

// oneOrMore returns "table a" or "tables a, b".
func oneOrMore(what string, names []string) string {
	if len(names) != 1 {
		what += "s"
	}
	return what + " " + strings.Join(names, ", ")
}

// LoginsOnly reports whether all of these rows are logins. A scrub does not remove logins of other
// providers, nor logins that contain more than a key.
func (e *ElsewhereError) LoginsOnly() bool { return slices.Equal(e.Tables, []string{credentialName}) }

const credentialName = "credential"

var (
	tableName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_]{1,40}$`) })
	sessionID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^ses_[A-Za-z0-9]{1,40}$`) })
)

// elsewhere searches all rows of the database for the keys, and returns nil if it finds none.
func (s *credentialScrub) elsewhere(keys []keychain.Secret) (*ElsewhereError, error) {
	var names []string
	// A virtual table keeps its content in other tables, and this program may lack its module.
	err := rows(s.db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND coalesce(sql, '') NOT LIKE 'CREATE VIRTUAL%' ORDER BY rowid",
		func(row *sqlite3.Stmt) { names = append(names, row.ColumnText(0)) })
	if err != nil {
		return nil, databaseError(s.path, err)
	}
	e := &ElsewhereError{Path: s.path}
	for _, name := range names {
		found := false
		query := `SELECT * FROM "` + strings.ReplaceAll(name, `"`, `""`) + `"`
		if err := rows(s.db, query, func(row *sqlite3.Stmt) { found = e.search(row, keys) || found }); err != nil {
			return nil, databaseError(s.path, err)
		}
		if found && !tableName().MatchString(name) {
			name = "with an unusual name"
		}
		if found {
			e.Tables = append(e.Tables, name)
		}
	}
	if len(e.Tables) == 0 {
		return nil, nil
	}
	slices.Sort(e.Sessions)
	e.Sessions = slices.Compact(e.Sessions)
	return e, nil
}

// search records the keys that the row contains, and the row's conversation. found is false if the
// row contains no key.
func (e *ElsewhereError) search(row *sqlite3.Stmt, keys []keychain.Secret) (found bool) {
	session := ""
	for i := range row.ColumnCount() {
		if kind := row.ColumnType(i); kind != sqlite3.TEXT && kind != sqlite3.BLOB {
			continue
		}
		content := row.ColumnRawBlob(i) // works for text too, and does not copy
		if session == "" && sessionID().Match(content) {
			session = string(content) // the first id in the row: a conversation's own id precedes its parent's
		}
		for _, key := range keys {
			if bytes.Contains(content, []byte(key.Reveal())) {
				found = true
				if !slices.ContainsFunc(e.keys, key.Equal) {
					e.keys = append(e.keys, key)
				}
			}
		}
	}
	if found && session != "" {
		e.Sessions = append(e.Sessions, session)
	}
	return found
}

// without returns the keys that are in no row.
func (e *ElsewhereError) without(keys []keychain.Secret) (free []keychain.Secret) {
	for _, key := range keys {
		if e == nil || !slices.ContainsFunc(e.keys, key.Equal) {
			free = append(free, key)
		}
	}
	return free
}

// clean empties the write-ahead log. If a key is then still in pages that were free before the
// scrub, it rewrites the database. Rewriting does not remove a key that is in a row; then the error
// is an *ElsewhereError.
func (s *credentialScrub) clean() error {
	left, err := s.left()
	if err != nil || len(left) == 0 {
		return err
	}
	where, err := s.elsewhere(left)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", s.path, ErrTraces, err)
	}
	if len(where.without(left)) > 0 {
		if err := s.writeAnew(); err != nil {
			return err
		}
		if left, err = s.left(); err != nil {
			return err
		}
		if len(where.without(left)) > 0 {
			return fmt.Errorf("%s: %w", s.path, ErrTraces)
		}
	}
	if where == nil {
		return nil
	}
	return where
}
