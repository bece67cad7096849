package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ocgo-key/internal/hint"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// named is the account that a command is about.
type named struct {
	Name string `arg:"" complete:"account" help:"Label or number of the account, as list shows them. A label may be in other upper and lower case."`
}

type removeCmd struct {
	named
	Yes bool `short:"y" help:"Do not ask."`
}

func (*removeCmd) Help() string {
	return `Asks, deletes the key from the keychain, then takes the account off the list. Where there is no terminal to ask on, it needs --yes.

Examples:
  ocgo-key remove Work
  ocgo-key remove 2 --yes`
}

// Run deletes the key first: as long as it is there, the account is listed.
func (c *removeCmd) Run(a *app) error {
	pool, v, err := a.account(context.Background(), c.Name)
	if err != nil {
		return err
	}
	if err := a.confirm(c.Yes, fmt.Sprintf("Remove %s and delete its key from the keychain?", v.Label)); err != nil {
		return err
	}
	ctx, cancel := a.keychainContext()
	defer cancel()
	if err := a.openKeychain(ctx, v.ID); err != nil {
		return fmt.Errorf("%s was not removed: %w", v.Label, keychain.Naming(err, v.Label))
	}
	if err := pool.PrepareRemove(ctx, v.ID); err != nil {
		return err
	}
	if err := a.keys().Delete(ctx, v.ID); err != nil && !errors.Is(err, keychain.ErrNotFound) {
		err = fmt.Errorf("%s was not removed: %w", v.Label, keychain.Naming(err, v.Label))
		if a.stillHas(v.ID) {
			_ = pool.Settle(context.Background(), v.ID)
			return err
		}
		return hint.On(err, hintOf(err, "its key may be deleted already; the same command finishes it"))
	}
	if err := pool.Remove(ctx, v.ID); err != nil {
		return err
	}
	return a.done("removed", v.Label, v.ID)
}

// openKeychain has a keychain that is locked ask for its password, and finds out whether there is one, before anything
// is written down.
func (a *app) openKeychain(ctx context.Context, id string) error {
	_, err := a.keys().Get(ctx, id)
	for _, shut := range []error{keychain.ErrLocked, keychain.ErrNoKeychain, keychain.ErrTimeout, keychain.ErrRefused} {
		if errors.Is(err, shut) {
			return err
		}
	}
	return nil
}

// stillHas tells whether the keychain has a key under id for certain. It asks no person anything.
func (a *app) stillHas(id string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), helperBudget)
	defer cancel()
	seen, err := a.keys().(keychain.Inspector).Inspect(ctx)
	return err == nil && slices.Contains(seen.IDs, id)
}

type renameCmd struct {
	named
	New string `arg:"" help:"The new label."`
}

func (*renameCmd) Help() string {
	return `The account keeps its key, its place and its history. What a label can be, add says.

Example:
  ocgo-key rename Work "Work, Berlin"`
}

func (c *renameCmd) Run(a *app) error {
	if err := checkLabel(c.New); err != nil {
		return err
	}
	pool, v, err := a.account(context.Background(), c.Name)
	if err != nil {
		return err
	}
	if err := pool.Rename(context.Background(), v.ID, c.New); err != nil {
		return hint.On(err, "choose another label; `ocgo-key list` shows those that are taken")
	}
	return a.done("renamed "+v.Label+" to", c.New, v.ID)
}

type enableCmd struct{ named }

func (*enableCmd) Help() string {
	return `Takes back disable, and ends a rejection and a limit. Where a limit still holds, the service's next answer says so again.

Example:
  ocgo-key enable Work`
}

func (c *enableCmd) Run(a *app) error {
	return a.alter(c.Name, "enabled", func(pool *rotation.Pool, id string) error {
		return pool.Enable(context.Background(), id)
	})
}

type disableCmd struct{ named }

func (*disableCmd) Help() string {
	return `The account stays in the list and keeps its key. Who holds it moves on at the next request.

Example:
  ocgo-key disable Work`
}

func (c *disableCmd) Run(a *app) error {
	return a.alter(c.Name, "disabled", func(pool *rotation.Pool, id string) error {
		return pool.Disable(context.Background(), id)
	})
}

// alter changes the account called name and says what was done.
func (a *app) alter(name, done string, change func(pool *rotation.Pool, id string) error) error {
	pool, v, err := a.account(context.Background(), name)
	if err != nil {
		return err
	}
	if err := change(pool, v.ID); err != nil {
		return err
	}
	return a.done(done, v.Label, v.ID)
}

type replaceCmd struct {
	named
	NoVerify bool `help:"Do not check the key with the service."`
}

func (*replaceCmd) Help() string {
	return `Takes a key as add does. The account keeps its label and its place; a rejection or a limit of the old key ends. If the keychain does not keep the new key, the old one is put back.

Examples:
  ocgo-key replace Work
  pass show opencode/work | ocgo-key replace Work`
}

func (c *replaceCmd) Run(a *app) error {
	pool, v, err := a.account(context.Background(), c.Name)
	if err != nil {
		return err
	}
	key, err := a.readKey("New key of " + v.Label + ": ")
	if err != nil {
		return err
	}
	o, err := pool.Overview(context.Background())
	if err != nil {
		return err
	}
	usage, err := a.vet(o, v.ID, key, c.NoVerify)
	if err != nil {
		return err
	}
	err = a.alone(func() error {
		now, err := pool.Overview(context.Background())
		if err != nil {
			return err
		}
		if err := a.refuseKnownKey(now, v.ID, key); err != nil {
			return err
		}
		return a.exchange(pool, v, key, usage)
	})
	if err != nil {
		return err
	}
	return a.done("replaced the key of", v.Label, v.ID)
}

// exchange gives the account another key, and tells the pool.
func (a *app) exchange(pool *rotation.Pool, v rotation.View, key keychain.Secret, usage rotation.Usage) error {
	ctx, cancel := a.keychainContext()
	defer cancel()
	if err := pool.PrepareReplace(ctx, v.ID); err != nil {
		return err
	}
	if err := swapKey(ctx, a.keys(), v.ID, key); err != nil {
		_ = pool.Settle(context.WithoutCancel(ctx), v.ID)
		return keychain.Naming(err, v.Label)
	}
	err := pool.Replaced(ctx, v.ID, usage.Workspace, usage.User)
	if errors.Is(err, rotation.ErrNoSuchAccount) { // it was removed meanwhile, and so must this key be
		abandon(pool, a.keys(), v.ID)
	}
	if err != nil {
		return err
	}
	_ = pool.Learn(ctx, rotation.Handout{ID: v.ID, KeyRev: v.KeyRev + 1}, usage) // if not now, then after its next request
	return nil
}

// swapKey puts key in the place of the old one, which comes back if the keychain does not keep the new.
func swapKey(ctx context.Context, keys keychain.Store, id string, key keychain.Secret) error {
	old, err := keys.Get(ctx, id)
	if err != nil && !errors.Is(err, keychain.ErrNotFound) {
		return err
	}
	if err := storeKey(ctx, keys, id, key); err != nil {
		if !old.IsZero() {
			_ = keys.Set(context.WithoutCancel(ctx), id, old)
		}
		return err
	}
	return nil
}
