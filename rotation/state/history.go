package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"

	"ocgo-key/internal/text"
	"ocgo-key/internal/trust"
)

// ReadEvents returns the events in the file, oldest first, and the number of broken lines. A crash
// may leave a broken line. If the file is far too large, ReadEvents reads only its end.
func (f *File) ReadEvents() (events []Event, broken int, err error) {
	if err := trust.Folder(f.dir); err != nil {
		return nil, 0, err
	}
	all, err := eventsTail(f.path(eventsName), 2*maxEvents)
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
			e.printable()
			events = append(events, e)
		}
	}
	return events, broken, nil
}

// printable makes each text of e one line that is safe on a terminal.
func (e *Event) printable() {
	for _, field := range []*string{&e.Kind, &e.Account, &e.To, &e.Reason, &e.Command} {
		*field = text.Line(*field)
	}
}

// ReadEvents returns all events.
func (m *Memory) ReadEvents() (events []Event, broken int, err error) { return m.Events(), 0, nil }
