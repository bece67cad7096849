package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
)

// ReadEvents returns the events in the file, oldest first, and the number of broken lines. A crash
// may leave a broken line.
func (f *File) ReadEvents() (events []Event, broken int, err error) {
	all, err := os.ReadFile(f.path(eventsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	for line := range bytes.Lines(all) {
		var e Event
		switch line = bytes.TrimSpace(line); {
		case len(line) == 0:
		case json.Unmarshal(line, &e) != nil || e.Kind == "":
			broken++
		default:
			events = append(events, e)
		}
	}
	return events, broken, nil
}

// ReadEvents returns all events.
func (m *Memory) ReadEvents() (events []Event, broken int, err error) { return m.Events(), 0, nil }
