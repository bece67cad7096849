package importer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/process"
	"ocgo-key/keychain"
)

// database is a database of OpenCode 2, as a source of keys.
type database struct {
	*opencode.Credentials
	path string
	real string // the path, with symbolic links resolved
}

// isDatabase reports whether the file at path is a database. It returns false if the file cannot be
// read.
func isDatabase(path string) bool {
	const enough = 16
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return false
	}
	head := make([]byte, enough)
	n, _ := f.Read(head)
	return opencode.IsDatabase(head[:n])
}

// readDatabase reads the keys in a database of OpenCode 2. It changes nothing. Errors are those of
// [opencode.ReadCredentials].
func readDatabase(ctx context.Context, path string) (*database, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	found, err := opencode.ReadCredentials(ctx, real)
	if err != nil {
		return nil, err
	}
	return &database{Credentials: found, path: path, real: real}, nil
}

// Scrub removes from the database the keys for which goes returns true. It also removes the remains
// of deleted rows that contain keys in held. If the OpenCode service that serviceFile describes has
// this database open, the service removes them. done reports whether there was anything to remove.
// If the error wraps [opencode.ErrTraces] or an [*opencode.ElsewhereError], some rows may have been
// removed, and some keys may be left. After any other error nothing was removed.
func (d *database) Scrub(ctx context.Context, goes func(keychain.Secret) bool, held []keychain.Secret, serviceFile string) (done bool, err error) {
	info, err := os.Stat(d.real)
	if err != nil {
		return false, err
	}
	if err := ownedByUs(info); err != nil {
		return false, fmt.Errorf("%s %w", d.path, err)
	}
	_, done, err = d.Credentials.Scrub(ctx, d.real, goes, held, serviceOf(ctx, info, serviceFile))
	return done, err
}

// serviceOf returns the running service that has the database open. It returns nil if there is
// none, or if the system does not say. It does not return a service with another database: that
// service would delete rows by id from its own file, and copies of a database have the same ids.
func serviceOf(ctx context.Context, database os.FileInfo, serviceFile string) *opencode.Service {
	service, err := opencode.ReadService(serviceFile)
	if err != nil {
		return nil // without a service, Scrub deletes the rows itself
	}
	if open, err := process.HasOpen(service.PID, database); err != nil || !open || !service.Answers(ctx) {
		return nil
	}
	return service
}

// Files returns the paths of all files of the database.
func (d *database) Files() []string { return opencode.DatabaseFiles(d.real) }
