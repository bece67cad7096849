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

// state.json says where keys go: to which store, and for the encrypted file to whose identity. An
// agent that may edit files could have a key go to a place of its choice that way. So the places that
// the user chose, by `config` or `migrate`, are also written down in the OS keychain, and a key goes
// to no other place that only state.json names. A place that the command line or its environment
// names is not checked. Without an OS keychain, no place is checked. See docs/threat-model.md.

// placesID is the name under which the places are kept, and notesName that of their store in
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

// Described returns how messages name a store, with the identity that opens the encrypted file.
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

// places returns the entries of the places that the user chose.
func (k *Keys) places(ctx context.Context) (chosen []string, err error) {
	note, err := k.notes().Get(ctx, placesID)
	if errors.Is(err, keychain.ErrNotFound) {
		return nil, nil
	}
	if err == nil && json.Unmarshal([]byte(note.Reveal()), &chosen) != nil {
		chosen = nil // as if none were chosen
	}
	return chosen, err
}

// Confirm writes down that the user chose this store, with these settings. It returns no error: if
// it fails, the next command that stores a key there reports that the store is not confirmed.
func (k *Keys) Confirm(ctx context.Context, store string, s rotation.Settings) {
	if store == "" || store == OSStore {
		return
	}
	chosen, err := k.places(ctx)
	place := k.place(store, s)
	if err != nil || slices.Contains(chosen, place) {
		return
	}
	const most = 8 // a keychain's entry has a limit; the latest count
	chosen = append(chosen[max(0, len(chosen)-most+1):], place)
	if note, err := json.Marshal(chosen); err == nil {
		_ = k.notes().Set(ctx, placesID, keychain.NewSecret(string(note)))
	}
}

// ErrNotChosen is in the chain of the error for a store that state.json alone names.
var ErrNotChosen = errors.New("the user did not choose this store")

// CheckConfirmed returns an error if keys would go to, or come from, one of these stores because
// state.json alone says so: ErrNotChosen, or the keychain's error if it cannot tell.
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
			return hint.On(keychain.WithoutAccount(err), "whether you chose "+k.Described(store, s)+" for keys is in the OS keychain; give --store and --identity to choose it now")
		case !slices.Contains(chosen, k.place(store, s)):
			refusal := hint.Refuse("state.json says that keys are in %s, but you have not confirmed that place with this version", k.Described(store, s))
			return hint.On(hint.As(ErrNotChosen, refusal),
				"if it is your choice, `ocgo-key config store "+text.Quote(store)+"` confirms it; if not, `ocgo-key config --unset store`")
		}
	}
	return nil
}
