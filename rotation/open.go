package rotation

import (
	"context"
	"errors"
	"time"

	"ocgo-key/internal/process"
	"ocgo-key/rotation/state"
)

// Settings are the user's choices for the whole pool.
type Settings = state.Settings

// Event is one entry of the history.
type Event = state.Event

// KnownWindow is the stored state of an account's usage window.
type KnownWindow = state.Window

// KnownUsage is the stored usage of an account.
type KnownUsage = state.Usage

// Lease assigns an account to a process or a conversation.
type Lease = state.Lease

// KeyMove is a move of all keys from one store to another; the zero value is none.
type KeyMove = state.Move

// ErrNewer means that a newer version of ocgo-key wrote the state.
var ErrNewer = state.ErrNewer

// Open returns the pool in the folder dir. It does no I/O; the first change creates dir. When an
// unreadable file is replaced, warn is called with a sentence for the user.
func Open(dir string, warn func(message string)) *Pool {
	return New(state.OpenFile(dir, time.Now, warn), time.Now, process.Alive)
}

// Peek returns a read-only pool in the folder dir. Reading takes no lock and repairs nothing; it
// falls back to the last good copy if the state cannot be read. Methods that change the pool fail.
func Peek(dir string) *Pool {
	return New(readOnly{state.OpenFile(dir, time.Now, func(string) {})}, time.Now, process.Alive)
}

// InMemory returns an empty pool that is kept in memory.
func InMemory() *Pool { return New(new(state.Memory), time.Now, process.Alive) }

type readOnly struct{ *state.File }

func (p readOnly) Read(context.Context) (*state.State, error) {
	s, err := p.File.Peek()
	if s != nil {
		return s, nil
	}
	return nil, err
}

func (readOnly) Update(context.Context, func(*state.State) error) error {
	return errors.New("this pool is read-only")
}

// PeekSettings returns the settings in the folder dir. It takes no lock and repairs nothing. If
// neither the state nor its copy can be read, it returns the defaults, since Open would start with
// an empty pool.
func PeekSettings(dir string) (Settings, error) {
	s, err := state.OpenFile(dir, time.Now, func(string) {}).Peek()
	switch {
	case s != nil:
		return s.Settings, nil
	case errors.Is(err, state.ErrUnreadable):
		return Settings{}, nil
	}
	return Settings{}, err
}

// Stamp identifies one version of the pool; see [Pool.Stamp].
type Stamp = state.Stamp
