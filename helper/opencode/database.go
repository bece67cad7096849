package opencode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// DatabaseFile is the database in OpenCode's data folder in which OpenCode 2 keeps logins and
// conversations.
const DatabaseFile = "opencode.db"

// DatabaseVariable is the environment variable with the path of another database. A relative path
// is below OpenCode's data folder.
const DatabaseVariable = "OPENCODE_DB"

// databaseHead is the beginning of every SQLite database.
const databaseHead = "SQLite format 3\x00"

// DatabasePath returns the path of OpenCode 2's database, which need not exist; empty if the
// database is not in a file.
func DatabasePath(getenv func(string) string, home string) string {
	data := dataFolder(getenv, home)
	name := getenv(DatabaseVariable)
	switch {
	case name == "":
		return filepath.Join(data, DatabaseFile)
	case name == ":memory:":
		return ""
	case filepath.IsAbs(name):
		return filepath.Clean(name)
	}
	return filepath.Join(data, name)
}

// IsDatabase reports whether a file with this beginning is a SQLite database.
func IsDatabase(head []byte) bool { return strings.HasPrefix(string(head), databaseHead) }

// Credentials are the logins of a database.
type Credentials struct {
	Logins
	ids []string // OpenCode's ids, one for each of Found
}

// ErrDatabase means that a file is not a database of OpenCode 2, or cannot be read. Its text never
// quotes a row.
var ErrDatabase = errors.New("no logins can be read")

// Limits for a row's value, and for its label, in bytes. Rows above a limit are ignored.
const (
	maxValue = 64 << 10
	maxName  = 1 << 10
)

// databaseWait is how long to wait for a database that another process has locked.
const databaseWait = 5 * time.Second

// ReadCredentials reads the logins of opencode-go and opencode that have a key. Active logins come
// first, then those of opencode-go, then the oldest. ReadCredentials changes nothing, and works
// while OpenCode is running. A database without the table of logins, such as OpenCode 1's, has no
// logins. Errors wrap ErrDatabase, or fs.ErrNotExist.
func ReadCredentials(ctx context.Context, path string) (c *Credentials, err error) {
	err = reading(ctx, path, func(db *sqlite3.Conn) error {
		c, err = readCredentials(db)
		return err
	})
	return c, err
}

// CreatedBySecond reports whether OpenCode 2 created a database; OpenCode 1 fails on such a
// database.
func CreatedBySecond(ctx context.Context, path string) (second bool, err error) {
	err = reading(ctx, path, func(db *sqlite3.Conn) error {
		tables := map[string]bool{}
		err := rows(db, "SELECT name FROM sqlite_schema WHERE type = 'table'", func(s *sqlite3.Stmt) { tables[s.ColumnText(0)] = true })
		second = tables["session_v2"] && !tables["session"]
		return err
	})
	return second, err
}

// reading opens a database for reading and calls read with it.
func reading(ctx context.Context, path string, read func(*sqlite3.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, databaseWait)
	defer cancel()
	db, err := openToRead(ctx, path)
	if err == nil {
		defer func() { _ = db.Close() }()
		err = read(db)
	}
	return databaseError(path, err)
}

// openToRead opens a database for reading. It does not change the database or its folder.
func openToRead(ctx context.Context, path string) (*sqlite3.Conn, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("the path is not a regular file")
	}
	// If there is no write-ahead log, no process has the database open. Then it can be read as a
	// plain file, so that SQLite creates no files beside it.
	if _, err := os.Lstat(path + "-wal"); errors.Is(err, fs.ErrNotExist) {
		return connect(ctx, immutable(path), sqlite3.OPEN_READONLY|sqlite3.OPEN_URI)
	}
	return connect(ctx, path, sqlite3.OPEN_READONLY)
}

func connect(ctx context.Context, name string, flags sqlite3.OpenFlag) (*sqlite3.Conn, error) {
	db, err := sqlite3.OpenFlags(name, flags)
	if err != nil {
		return nil, err
	}
	db.SetInterrupt(ctx)
	if err := errors.Join(db.BusyTimeout(databaseWait), db.Exec("PRAGMA trusted_schema=OFF")); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

// immutable returns the URI of a database that does not change while it is read.
func immutable(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: "immutable=1"}).String()
}

// wantedColumns are the columns that the table of logins must have. Other columns may be missing.
const wantedColumns = "id integration_id label value"

func columns(db *sqlite3.Conn) (map[string]bool, error) {
	found := map[string]bool{}
	err := rows(db, "SELECT name FROM pragma_table_info('credential')", func(s *sqlite3.Stmt) { found[s.ColumnText(0)] = true })
	return found, err
}

func rows(db *sqlite3.Conn, query string, row func(*sqlite3.Stmt), args ...string) error {
	s, _, err := db.Prepare(query)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	for i, arg := range args {
		if err := s.BindText(i+1, arg); err != nil {
			return err
		}
	}
	for s.Step() {
		row(s)
	}
	return s.Err()
}

// errShape means that the table of logins has an unknown structure.
var errShape = errors.New("the table of logins has an unknown form")

func readCredentials(db *sqlite3.Conn) (*Credentials, error) {
	c := &Credentials{Logins: Logins{Last: -1}}
	has, err := columns(db)
	if err != nil || len(has) == 0 {
		return c, err
	}
	for _, name := range strings.Fields(wantedColumns) {
		if !has[name] {
			return nil, fmt.Errorf("%w: the column %q is missing", errShape, name)
		}
	}
	active, oldest := "", "id"
	if has["active"] {
		active = "coalesce(active, 0) <> 0 DESC, "
	}
	if has["time_created"] {
		oldest = "time_created, id"
	}
	query := "SELECT id, integration_id, label, value FROM credential WHERE integration_id IN ('" + GoProvider + "', '" + ZenProvider + "')" +
		" AND typeof(value) = 'text' AND length(value) <= " + strconv.Itoa(maxValue) + " AND length(label) <= " + strconv.Itoa(maxName) +
		" ORDER BY " + active + "integration_id = '" + GoProvider + "' DESC, " + oldest + " LIMIT " + strconv.Itoa(maxLogins)
	counted := map[string]int{}
	err = rows(db, query, func(s *sqlite3.Stmt) {
		provider := s.ColumnText(1)
		login, ok := credentialLogin(s.ColumnText(2), s.ColumnText(3))
		if !ok {
			return
		}
		counted[provider]++
		login.Entry = provider + " " + strconv.Itoa(counted[provider])
		c.Found = append(c.Found, login)
		c.ids = append(c.ids, s.ColumnText(0))
	})
	return c, err
}

// movedKey replaces a key in its row until the row is deleted.
const movedKey = "ocgo-moved"

// credentialLogin reads a row's value: {"type":"key","key":"…"}. Values of other types contain no
// key. Our plugin's login method stores a placeholder as the key. Callers recognize the placeholder
// by its beginning.
func credentialLogin(label, value string) (Login, bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(value), &members) != nil || textOf(members["type"]) != "key" {
		return Login{}, false
	}
	key := textOf(members["key"])
	if key == movedKey {
		return Login{}, false
	}
	login := Login{Label: label}
	login.take(key)
	var others []string
	for name, content := range members {
		empty := slices.Contains([]string{"null", "{}", "[]", `""`}, string(content))
		if name != "type" && name != "key" && !empty {
			others = append(others, shownName(name))
		}
	}
	if login.Problem == "" && len(others) > 0 {
		slices.Sort(others)
		login.Stays = "the entry contains more than a key (" + strings.Join(slices.Compact(others), ", ") + ")"
	}
	return login, true
}

func textOf(raw json.RawMessage) string {
	var text string
	_ = json.Unmarshal(raw, &text) // a value that is not a string is not a key
	return text
}

// databaseError returns an error that names the file and the reason, and quotes no content.
func databaseError(path string, err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	why := "the file cannot be opened"
	switch {
	case errors.Is(err, sqlite3.NOTADB):
		why = "the file is not an SQLite database"
	case errors.Is(err, sqlite3.CORRUPT):
		why = "the database is damaged"
	case errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.LOCKED), errors.Is(err, sqlite3.INTERRUPT):
		why = fmt.Sprintf("another process has locked the database for more than %v", databaseWait)
	case errors.Is(err, sqlite3.READONLY), errors.Is(err, sqlite3.PERM), errors.Is(err, fs.ErrPermission):
		why = "this user may not read and write the file"
	case errors.Is(err, errShape):
		why = err.Error()
	default:
		if _, ofSQLite := errors.AsType[*sqlite3.Error](err); !ofSQLite {
			why = err.Error()
		}
	}
	return fmt.Errorf("%s: %w: %s", path, ErrDatabase, why)
}
