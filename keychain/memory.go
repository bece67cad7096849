package keychain

import (
	"context"
	"sync"
)

const storeMemory = "memory"

// NewMemory returns a Store that keeps keys in memory, for the demo and for tests.
func NewMemory() Store { return &memory{secrets: map[string]Secret{}} }

type memory struct {
	mu      sync.Mutex
	secrets map[string]Secret
}

func (m *memory) Name() string { return storeMemory }

func (m *memory) Get(ctx context.Context, id string) (s Secret, err error) {
	err = m.do(ctx, "get", id, func() (err error) {
		s, err = m.find(id)
		return err
	})
	return s, err
}

func (m *memory) Set(ctx context.Context, id string, s Secret) error {
	return m.do(ctx, "set", id, func() error {
		if err := checkSecret(s); err != nil {
			return err
		}
		m.secrets[id] = s
		return nil
	})
}

func (m *memory) Delete(ctx context.Context, id string) error {
	return m.do(ctx, "delete", id, func() error {
		_, err := m.find(id)
		delete(m.secrets, id)
		return err
	})
}

func (m *memory) find(id string) (Secret, error) {
	if s, ok := m.secrets[id]; ok {
		return s, nil
	}
	return Secret{}, errNotFound
}

func (m *memory) do(ctx context.Context, op, id string, work func() error) error {
	c := call{storeMemory, op, id}
	if err := c.check(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return c.fail(work())
}
