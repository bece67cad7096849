package state

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// Memory keeps a State in this process alone, for the demo and for tests. The zero value is an empty pool.
type Memory struct {
	mu     sync.Mutex
	data   []byte
	events []Event
	serial int64
}

// Read returns a copy of the state.
func (m *Memory) Read(context.Context) (*State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.decode()
}

// Update is File.Update without a file.
func (m *Memory) Update(_ context.Context, change func(*State) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.decode()
	if err != nil {
		return err
	}
	if err := change(s); err != nil {
		return err
	}
	m.events = append(m.events, s.events...)
	m.serial++
	m.data, err = json.Marshal(s)
	return err
}

// Stamp changes with every Update.
func (m *Memory) Stamp() Stamp {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Stamp{mtime: time.Unix(m.serial, 0)}
}

// Events returns what was noted so far.
func (m *Memory) Events() []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Event(nil), m.events...)
}

func (m *Memory) decode() (*State, error) {
	s := &State{Version: Version}
	if m.data == nil {
		return s, nil
	}
	return s, json.Unmarshal(m.data, s)
}
