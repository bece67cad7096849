package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"ocgo-key/internal/atomicfile"
	"ocgo-key/internal/trust"
)

// Event is one line of events.jsonl. No field can hold a key.
type Event struct {
	Time    time.Time `json:"time"`
	Kind    string    `json:"event"` // added, removed, leased, switched, cooled, rejected, ...
	Account string    `json:"account,omitempty"`
	To      string    `json:"to,omitempty"`     // the account after a switch, or the new label after a rename
	Reason  string    `json:"reason,omitempty"` // "weekly limit"
	Until   time.Time `json:"until,omitzero"`
	PID     int       `json:"pid,omitempty"`
	Command string    `json:"command,omitempty"`
}

// maxEvents limits events.jsonl, in bytes. When the limit is reached, the older half of the lines
// is removed.
const maxEvents = 1 << 20

// appendEvents appends events to the file at path. The caller holds the lock of the state.
func appendEvents(path string, events []Event) error {
	if len(events) == 0 {
		return nil
	}
	if err := trimEvents(path); err != nil {
		return err
	}
	f, err := trust.Open(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	var lines bytes.Buffer
	if cutShort(f) {
		lines.WriteByte('\n')
	}
	enc := json.NewEncoder(&lines)
	for _, e := range events {
		if err = enc.Encode(e); err != nil {
			break
		}
	}
	if err == nil {
		_, err = f.Write(lines.Bytes())
	}
	return errors.Join(err, f.Close())
}

// cutShort reports whether the last line of f has no line break, as after its writer was killed.
func cutShort(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], info.Size()-1)
	return err == nil && last[0] != '\n'
}

// trimEvents removes the older half of the lines in a file of at least maxEvents bytes.
func trimEvents(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() < maxEvents {
		return nil
	}
	tail, err := eventsTail(path, maxEvents/2)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, tail, 0o600, false)
}

// eventsTail returns the last lines of the file at path, at most that many bytes.
func eventsTail(path string, most int64) ([]byte, error) {
	f, err := trust.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		return nil, err
	}
	begin := max(0, info.Size()-most)
	tail, err := io.ReadAll(io.NewSectionReader(f, begin, most))
	if begin > 0 {
		tail = tail[bytes.IndexByte(tail, '\n')+1:] // the first line is cut
	}
	return tail, err
}
