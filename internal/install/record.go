package install

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"ocgo-key/internal/atomicfile"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/text"
	"ocgo-key/internal/trust"
)

// A Record lists the installed files, for their removal. It holds no secret.
type Record struct {
	Version int      `json:"version"`
	Files   []string `json:"files"`
	Folders []string `json:"folders"` // the folders that we created, parents first
}

const recordVersion = 1

func (w *Places) recordPath() string { return filepath.Join(w.State, "install.json") }

// ReadRecord returns the record, or an empty record if nothing is installed.
func (w *Places) ReadRecord() (Record, error) {
	r := Record{Version: recordVersion}
	if err := trust.Folder(w.State); err != nil {
		return r, err
	}
	content, err := readRecord(w.recordPath())
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &r)
	}
	switch {
	case err != nil:
		return r, hint.On(fmt.Errorf("cannot read the record of installed files: %w", err),
			"delete "+text.Quote(w.recordPath())+" and try again")
	case r.Version != recordVersion:
		return r, hint.On(fmt.Errorf("%s is from a newer ocgo-key", w.recordPath()), "upgrade this ocgo-key")
	}
	return r, nil
}

// maxRecord is the largest size of a record, in bytes.
const maxRecord = 1 << 20

func readRecord(path string) ([]byte, error) {
	f, err := trust.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxRecord))
}

func (w *Places) writeRecord(r Record) error {
	if err := os.MkdirAll(w.State, 0o700); err != nil {
		return err
	}
	if err := trust.Folder(w.State); err != nil {
		return err
	}
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(w.recordPath(), append(content, '\n'), 0o600, true)
}
