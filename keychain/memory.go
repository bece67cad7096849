package keychain

import (
	"context"
	"sync"
)

const storeMemory = "memory"

// NewMemory returns a Store that lives and dies with this value, for the
// demonstration and for tests. It asks nothing of the machine.
func NewMemory() Store { return &memory{secrets: map[string]Secret{}} }

type memory struct {
	mu      sync.RWMutex
	secrets map[string]Secret
}

func (m *memory) Name() string { return storeMemory }

func (m *memory) Get(ctx context.Context, id string) (Secret, error) {
	if err := m.check(ctx, "get", id); err != nil {
		return Secret{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	s, ok := m.secrets[id]
	if !ok {
		return Secret{}, notFound.at(storeMemory, "get", id)
	}
	return s, nil
}

func (m *memory) Set(ctx context.Context, id string, s Secret) error {
	if err := m.check(ctx, "set", id); err != nil {
		return err
	}
	if err := checkSecret(s); err != nil {
		return at(err, storeMemory, "set", id)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.secrets[id] = s
	return nil
}

func (m *memory) Delete(ctx context.Context, id string) error {
	if err := m.check(ctx, "delete", id); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.secrets[id]; !ok {
		return notFound.at(storeMemory, "delete", id)
	}
	delete(m.secrets, id)
	return nil
}

func (m *memory) check(ctx context.Context, op, id string) error {
	if err := checkID(id); err != nil {
		return at(err, storeMemory, op, id)
	}
	if err := ctx.Err(); err != nil {
		return ended(err, 0).at(storeMemory, op, id)
	}
	return nil
}
