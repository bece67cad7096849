package keychain

import (
	"context"
	"sync"
)

const storeMemory = "memory"

// NewMemory returns a Store whose keys are gone when this value is, for the demonstration and for
// tests. It uses nothing of the machine.
func NewMemory() Store { return &memory{secrets: map[string]Secret{}} }

type memory struct {
	mu      sync.RWMutex
	secrets map[string]Secret
}

func (m *memory) Name() string { return storeMemory }

func (m *memory) Get(ctx context.Context, id string) (Secret, error) {
	c := call{storeMemory, "get", id}
	if err := c.check(ctx); err != nil {
		return Secret{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	s, ok := m.secrets[id]
	if !ok {
		return Secret{}, c.fail(errNotFound)
	}
	return s, nil
}

func (m *memory) Set(ctx context.Context, id string, s Secret) error {
	c := call{storeMemory, "set", id}
	if err := c.check(ctx); err != nil {
		return err
	}
	if err := checkSecret(s); err != nil {
		return c.fail(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.secrets[id] = s
	return nil
}

func (m *memory) Delete(ctx context.Context, id string) error {
	c := call{storeMemory, "delete", id}
	if err := c.check(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.secrets[id]; !ok {
		return c.fail(errNotFound)
	}
	delete(m.secrets, id)
	return nil
}
