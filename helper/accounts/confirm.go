package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"ocgo-key/internal/hint"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// state.json names the store of the keys and the identity of the encrypted file. An agent that can
// edit files could change state.json, and so have keys sent to a place of its choice. So the OS
// keychain has a list of the places that the user confirmed with `config` or `migrate`. If only
// state.json names a place, it is checked against this list. Places in the command line or its
// environment are not checked. Without an OS keychain, no place is checked. See
// docs/threat-model.md.

// placesID is the id of the list in the OS keychain. notesName is the name of the list's store in
// Keys.opened.
const (
	placesID  = "places"
	notesName = "notes"
)

// place returns the entry for a store in the list of confirmed places.
func (c *Choice) place(store string, s rotation.Settings) string {
	if store != FileStore {
		return store
	}
	identity := c.identity(s)
	if whole, ok := rememberable(identity); ok {
		identity = whole
	}
	return store + " " + identity
}

// Described returns the name of a store for messages, with the identity of the encrypted file.
func (c *Choice) Described(store string, s rotation.Settings) string {
	if identity := c.identity(s); store == FileStore && identity != "" {
		return Place(store) + " (identity " + text.OneLine(identity) + ")"
	}
	return Place(store)
}

func (k *Keys) notes() keychain.Store {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.opened[notesName] == nil {
		k.opened[notesName] = keychain.NewOSNotes()
	}
	return k.opened[notesName]
}

// places returns the list of places that the user confirmed.
func (k *Keys) places(ctx context.Context) (chosen []string, err error) {
	note, err := k.notes().Get(ctx, placesID)
	if errors.Is(err, keychain.ErrNotFound) {
		return nil, nil
	}
	if err == nil && json.Unmarshal([]byte(note.Reveal()), &chosen) != nil {
		chosen = nil // an invalid list counts as empty
	}
	return chosen, err
}

// Confirm records that the user chose this store with these settings. It returns no error: if it
// fails, the next command that stores a key there reports that the store is not confirmed.
func (k *Keys) Confirm(ctx context.Context, store string, s rotation.Settings) {
	if store == "" || store == OSStore {
		return
	}
	chosen, err := k.places(ctx)
	place := k.place(store, s)
	if err != nil || slices.Contains(chosen, place) {
		return
	}
	const most = 8 // the size of an entry is limited, so the oldest places are dropped
	chosen = append(chosen[max(0, len(chosen)-most+1):], place)
	if note, err := json.Marshal(chosen); err == nil {
		_ = k.notes().Set(ctx, placesID, keychain.NewSecret(string(note)))
	}
}

// ErrNotChosen means that the user has not confirmed a store, and that only state.json names it.
var ErrNotChosen = errors.New("the user did not choose this store")

// CheckConfirmed returns an error if only state.json names one of these stores and the user has not
// confirmed it. The error is ErrNotChosen, or comes from the OS keychain, which has the list.
func (k *Keys) CheckConfirmed(ctx context.Context, s rotation.Settings, stores ...string) error {
	for _, store := range stores {
		named := store == k.Store && (store != FileStore || k.identity(s) != s.Identity || k.Identity != "")
		if store == "" || store == OSStore || named {
			continue
		}
		chosen, err := k.places(ctx)
		switch {
		case errors.Is(err, keychain.ErrNoKeychain):
			return nil
		case err != nil:
			return hint.On(keychain.WithoutAccount(err), "the OS keychain records whether you chose "+k.Described(store, s)+" for keys; give --store and --identity to choose it now")
		case !slices.Contains(chosen, k.place(store, s)):
			refusal := hint.Refuse("state.json says that keys are in %s, but you have not confirmed that place with this version", k.Described(store, s))
			return hint.On(hint.As(ErrNotChosen, refusal),
				"if it is your choice, `ocgo-key config store "+text.Quote(store)+"` confirms it; if not, `ocgo-key config --unset store`")
		}
	}
	return nil
}
