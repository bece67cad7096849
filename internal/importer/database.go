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

// database is OpenCode 2's database as a source of keys.
type database struct {
	*opencode.Credentials
	path string
	real string // behind links
}

// isDatabase reports whether the file at path is a database. One that cannot be read is none.
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

// Scrub takes the keys that goes wants out of the database, through OpenCode's service (of which
// serviceFile tells) where it has this very database open, and what is left there of those in held.
// done reports whether there was anything to do. The error wraps [opencode.ErrTraces] or an
// [*opencode.ElsewhereError] where rows may have gone and keys are left, else nothing was taken
// out.
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

// serviceOf is the running service that has the database open; nil where there is none, or where
// that can't be known. The ids of rows are the same in a copy: a service asked to drop one drops it
// from its own database.
func serviceOf(ctx context.Context, database os.FileInfo, serviceFile string) *opencode.Service {
	service, err := opencode.ReadService(serviceFile)
	if err != nil {
		return nil // none that could be asked: rows are taken out directly
	}
	if open, err := process.HasOpen(service.PID, database); err != nil || !open || !service.Answers(ctx) {
		return nil
	}
	return service
}

// Files are those that the database is made of.
func (d *database) Files() []string { return opencode.DatabaseFiles(d.real) }
