package importer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"ocgo-key/helper/accounts"
	"ocgo-key/helper/opencode"
	"ocgo-key/internal/keyform"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// take imports one key. Its error ends the import: the keychain or the state does not work.
func (im *importing) take(s *source, login opencode.Login) error {
	if login.Problem != "" {
		im.skip(s, login, login.Problem)
		return nil
	}
	if strings.HasPrefix(login.Key.Reveal(), keyform.StandIn) {
		const reason = "it is a gateway's token and not a key"
		im.report.Skipped = append(im.report.Skipped, Skipped{login.Entry, reason, s.name})
		im.Reporter.Say("%s was not imported: %s", s.place(login.Entry), reason)
		return nil
	}
	if _, err := im.refresh(); err != nil {
		return err
	}
	known, there := im.held.Of(login.Key)
	var usage rotation.Usage
	// A key that is already stored is checked only if it will be removed from a file, and only
	// once.
	if !there || im.Scrub && s.path != "" && !im.isConfirmed(login.Key) {
		var err error
		if usage, err = im.check(s.place(login.Entry), login.Key); err != nil && !there {
			im.skip(s, login, err.Error())
			return nil
		} else if err != nil {
			im.Reporter.Warn(s.place(login.Entry)+": "+err.Error(), "")
		}
	}
	if there {
		im.alreadyThere(s, login, known.Label)
		return nil
	}
	account, entered, err := im.enter(login, usage)
	switch {
	case err != nil:
		return err
	case !entered:
		im.alreadyThere(s, login, account.Label)
		return nil
	}
	im.report.Imported = append(im.report.Imported, Imported{account.Label, account.ID, s.name})
	im.Reporter.Say("imported %s from %s", account.Label, s.name)
	return nil
}

// maxCollisions is how many labels enter tries. Other processes may take a label first.
const maxCollisions = 100

// enter adds the key as an account with a free label. If another process has added the key meanwhile,
// enter returns that account, and entered is false.
func (im *importing) enter(login opencode.Login, usage rotation.Usage) (account rotation.View, entered bool, err error) {
	err = im.Accounts.Alone(func() error {
		for range maxCollisions {
			o, err := im.refresh()
			if err != nil {
				return err
			}
			if known, there := im.held.Of(login.Key); there {
				account = known
				return nil
			}
			account = rotation.View{ID: accounts.NewID(), Label: accounts.FitLabel(o, login.Label)}
			n := rotation.NewAccount{ID: account.ID, Label: account.Label, Disabled: login.Disabled}
			err = im.Accounts.Enlist(n, login.Key, usage)
			if errors.Is(err, rotation.ErrAlreadyThere) {
				continue
			}
			if err != nil {
				return err
			}
			entered = true
			im.Accounts.WarnSharedUsage(o, "", usage)
			im.held = append(im.held, accounts.HeldKey{View: account, Key: login.Key})
			im.revisions[account.ID] = 0
			return nil
		}
		return errors.New("other processes keep taking the labels")
	})
	return account, entered, err
}

// check asks the service about the key at place. Only a refusal is an error. Without an answer the
// key is not confirmed, so it is not removed from its file.
func (im *importing) check(place string, key keychain.Secret) (rotation.Usage, error) {
	if im.NoVerify {
		return rotation.Usage{}, nil
	}
	usage, err := im.Accounts.Check(im.ctx, key)
	switch {
	case errors.Is(err, accounts.ErrUnknownKey):
		return rotation.Usage{}, err
	case errors.Is(err, accounts.ErrNoSubscription):
		im.Reporter.Warn(place+": "+err.Error(), "subscribe, or remove the account with `ocgo-key remove`")
	case err != nil:
		im.Reporter.Warn(fmt.Sprintf("%s: the key could not be checked: %v", place, err), "")
		return rotation.Usage{}, nil
	}
	im.confirmed = append(im.confirmed, key)
	return usage, nil
}

// isConfirmed reports whether the key may be removed from its file: the service has accepted it, or
// the user wants no check.
func (im *importing) isConfirmed(key keychain.Secret) bool {
	return im.NoVerify || slices.ContainsFunc(im.confirmed, key.Equal)
}
