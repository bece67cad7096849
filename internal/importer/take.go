package importer

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"ocgo-key/helper/accounts"
	"ocgo-key/helper/opencode"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// look reads the pool, and its keys where another process has changed something since they were read.
func (im *importing) look() (rotation.Overview, error) {
	o, err := im.accounts.Pool.Overview(im.ctx)
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
	im.held, err = im.accounts.Held(o)
	im.known = now
	return o, err
}

// enter lists the key as an account under a free label. Another process may have brought it in meanwhile: that one's
// account is returned then.
func (im *importing) enter(login opencode.Login, usage rotation.Usage) (own Imported, there string, err error) {
	err = im.accounts.Keys.Alone(func() error {
		for range maxCollisions {
			o, err := im.look()
			if err != nil {
				return err
			}
			if known, ok := im.held.Of(login.Key); ok {
				there = known.Label
				return nil
			}
			own = Imported{Label: accounts.FitLabel(o, login.Label), ID: accounts.NewID()}
			err = im.accounts.Enlist(rotation.Newcomer{ID: own.ID, Label: own.Label, Disabled: login.Disabled}, login.Key, usage)
			if errors.Is(err, rotation.ErrAlreadyThere) {
				continue
			}
			if err == nil {
				im.accounts.WarnSharedUsage(o, "", usage)
				im.held = append(im.held, accounts.HeldKey{View: rotation.View{ID: own.ID, Label: own.Label}, Key: login.Key})
				im.known[own.ID] = 0
			}
			return err
		}
		return errors.New("other processes rename accounts all the time")
	})
	return own, there, err
}

// maxCollisions bounds how often an account may be given the label that is about to be used.
const maxCollisions = 100

// check asks the service for the key. Only a clear no is an error; no answer leaves the key unconfirmed, which then may
// not be taken out of where it lies.
func (im *importing) check(s *source, entry string, key keychain.Secret) (rotation.Usage, error) {
	if im.NoVerify {
		return rotation.Usage{}, nil
	}
	usage, err := im.accounts.Check(im.ctx, key)
	switch {
	case errors.Is(err, accounts.ErrUnknownKey):
		return usage, err
	case errors.Is(err, accounts.ErrNoSubscription):
		im.tell.Warn(placeIn(s, entry)+": "+err.Error(), "subscribe, or take the account out with `ocgo-key remove`")
	case err != nil:
		im.tell.Warn(fmt.Sprintf("%s: the key could not be checked: %v", placeIn(s, entry), err), "")
		return rotation.Usage{}, nil
	}
	im.confirmed = append(im.confirmed, key)
	return usage, nil
}

// isConfirmed reports whether the key may be taken out of where it lies: the service knows it, or the user wants no check.
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
