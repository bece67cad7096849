package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"ocgo-key/helper"
	"ocgo-key/helper/opencode"
	"ocgo-key/internal/process"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// look reads the pool, and its keys where another process has changed something since they were read.
func (im *importing) look() (rotation.Overview, error) {
	o, err := im.pool.Overview(im.ctx)
	if err != nil {
		return o, err
	}
	now := map[string]int{}
	for _, v := range o.Accounts {
		now[v.ID] = v.KeyRev
	}
	if im.known != nil && maps.Equal(now, im.known) {
		return o, nil
	}
	im.held, err = im.app.heldKeys(o)
	im.known = now
	return o, err
}

// maxCollisions bounds how often others may be quicker with one key or label.
const maxCollisions = 100

// errNewcomer means that an account came in whose key was not compared.
var errNewcomer = errors.New("another process adds accounts all the time")

// enter lists the key as an account under a free label. Another process may add accounts meanwhile: a label that it
// takes is no reason to stop, and a key that it brings in is not brought in again. That one's account is returned then.
func (im *importing) enter(login opencode.Login, usage rotation.Usage) (own importedJSON, there string, err error) {
	for range maxCollisions {
		o, err := im.look()
		if err != nil {
			return own, "", err
		}
		if known, ok := im.held.of(login.Key); ok {
			return own, known.Label, nil
		}
		own = importedJSON{Label: importLabel(o, login.Label), ID: newID()}
		pool := rotation.New(&arrival{im.file, own.ID, login.Disabled, im.known}, time.Now, process.Alive)
		err = im.app.enlist(pool, own.ID, own.Label, login.Key, usage)
		if errors.Is(err, rotation.ErrAlreadyThere) || errors.Is(err, errNewcomer) {
			continue
		}
		if err == nil {
			im.app.warnSharedQuota(o, "", usage)
			im.held = append(im.held, heldKey{rotation.View{ID: own.ID, Label: own.Label}, login.Key})
			im.known[own.ID] = 0
		}
		return own, "", err
	}
	return own, "", errNewcomer
}

// arrival is the state while the account id comes in. It does so only if no account is there but the known ones, with
// the keys they had. One that is disabled is so in the very write that lists it: a kill between two writes would leave
// it in use.
type arrival struct {
	*state.File
	id       string
	disabled bool
	known    map[string]int // what KeyRev each account had when its key was compared
}

func (a *arrival) Update(ctx context.Context, change func(*state.State) error) error {
	return a.File.Update(ctx, func(s *state.State) error {
		before := slices.Clone(s.Accounts)
		if err := change(s); err != nil {
			return err
		}
		account := s.Find(a.id)
		if account == nil || len(s.Accounts) == len(before) {
			return nil // not now
		}
		for _, other := range before {
			if rev, ok := a.known[other.ID]; !ok || rev != other.KeyRev {
				return errNewcomer
			}
		}
		if a.disabled {
			account.Disabled = true
			s.Note(state.Event{Time: time.Now(), Kind: "disabled", Account: account.Label})
		}
		return nil
	})
}

// check asks the service for the key. Only a clear no is an error; no answer leaves the key unconfirmed, which then may
// not be taken out of where it lies.
func (im *importing) check(s *source, entry string, key keychain.Secret) (rotation.Usage, error) {
	if im.NoVerify {
		return rotation.Usage{}, nil
	}
	ctx, cancel := context.WithTimeout(im.ctx, verifyTimeout)
	defer cancel()
	usage, err := helper.FetchUsage(ctx, helper.NewClient(), im.app.baseURL, key)
	refused := new(helper.UsageError)
	if errors.As(err, &refused) {
		switch refused.Status {
		case http.StatusUnauthorized:
			return rotation.Usage{}, errUnknownKey
		case http.StatusForbidden:
			im.app.warn(placeIn(s, entry)+": the service says that this key has no Go subscription (403)", "subscribe, or take the account out with `ocgo-key remove`")
			err = nil
		}
	}
	if err != nil {
		im.app.warn(fmt.Sprintf("%s: the key could not be checked: %v", placeIn(s, entry), err), "")
		return rotation.Usage{}, nil
	}
	im.confirmed = append(im.confirmed, key)
	return usage, nil
}

var errUnknownKey = errors.New("the service does not know this key (401)")

// isConfirmed tells whether the key may be taken out of where it lies: the service knows it, or the user wants no check.
func (im *importing) isConfirmed(key keychain.Secret) bool {
	return im.NoVerify || slices.ContainsFunc(im.confirmed, key.Equal)
}

// placeIn names an entry of a source once.
func placeIn(s *source, entry string) string {
	if s.name == entry {
		return entry
	}
	return s.name + ": " + entry
}
