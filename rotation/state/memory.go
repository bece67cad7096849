package state

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Memory keeps a State in memory, for the demo and for tests. The zero value is an empty pool.
type Memory struct {
	mu     sync.Mutex
	state  *State // never shared
	events []Event
	serial int64

	getsMu sync.Mutex
	gets   map[int]time.Time // by pid
}

// Read returns a copy of the state.
func (m *Memory) Read(context.Context) (*State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.copy(), nil
}

// Update is like File.Update, without a file.
func (m *Memory) Update(_ context.Context, change func(*State) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.copy()
	if err := change(s); err != nil {
		return err
	}
	m.events = append(m.events, s.events...)
	m.serial++
	s.events = nil
	m.state = s.clone() // change may keep a pointer into s
	return nil
}

// Stamp changes with every Update.
func (m *Memory) Stamp() Stamp {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Stamp{mtime: time.Unix(m.serial, 0)}
}

// Events returns all events.
func (m *Memory) Events() []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.events)
}

func (m *Memory) copy() *State {
	if m.state == nil {
		return &State{Version: Version}
	}
	return m.state.clone()
}
