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

// An Event is one entry of the history.
type Event = state.Event

// A KnownWindow is one usage limit as the pool remembers it.
type KnownWindow = state.Window

// KnownUsage is what the service last said of an account, by our clock.
type KnownUsage = state.Usage

// A Lease is the account that a process or a conversation has.
type Lease = state.Lease

// A KeyMove is a move of all keys from one store to another; the zero value is none.
type KeyMove = state.Move

// ErrNewer means that a newer version wrote the state.
var ErrNewer = state.ErrNewer

// Open returns the pool in the folder dir, which is made at the first change. warn is told, in a
// sentence for the user, of a file that could not be read and was set aside. Nothing is touched
// yet.
func Open(dir string, warn func(message string)) *Pool {
	return New(state.OpenFile(dir, time.Now, warn), time.Now, process.Alive)
}

// Peek returns the pool in the folder dir for one who only looks: it waits for no lock and repairs
// nothing, and a last good copy will do where the state cannot be read. Methods that change the
// pool fail.
func Peek(dir string) *Pool {
	return New(peeking{state.OpenFile(dir, time.Now, func(string) {})}, time.Now, process.Alive)
}

// InMemory returns a pool that ends with the process.
func InMemory() *Pool { return New(new(state.Memory), time.Now, process.Alive) }

type peeking struct{ *state.File }

func (p peeking) Read(context.Context) (*state.State, error) {
	s, err := p.File.Peek()
	if s != nil {
		return s, nil
	}
	return nil, err
}

func (peeking) Update(context.Context, func(*state.State) error) error {
	return errors.New("this pool is for reading only")
}

// PeekSettings returns the settings in the folder dir, without a lock and without a repair. A state
// that cannot be read has none: the pool begins anew then, and says so.
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

// A Stamp tells one version of the pool from another; see [Pool.Stamp].
type Stamp = state.Stamp
