package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ocgo-key/helper"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/keyform"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

type addCmd struct {
	Label    *string `arg:"" optional:"" help:"What to call the account. Left out: \"Account N\"."`
	NoVerify bool    `help:"Do not check the key with the service."`
}

func (*addCmd) Help() string {
	return `The key is asked for without echo, or read as one line from a pipe; there is no flag for it, since other programs can see a command line. It goes into the keychain and is read back before the account is listed. A key that is there already is refused, and so is one that the service does not know.

A label has 1 to 40 printable characters. It is not a number, has no space at its ends, does not begin with -, and does not look like a key.

Examples:
  ocgo-key add Work
  pass show opencode/work | ocgo-key add Work`
}

func (c *addCmd) Run(a *app) error {
	pool, err := a.pool()
	if err != nil {
		return err
	}
	before, err := pool.Overview(context.Background())
	if err != nil {
		return err
	}
	label := before.FreeLabel()
	if c.Label != nil {
		label = *c.Label
	}
	if err := checkLabel(label); err != nil {
		return err
	}
	if _, err := before.Find(label); err == nil {
		return hint.On(fmt.Errorf("an account called %q is %w", label, rotation.ErrAlreadyThere),
			"choose another label, or give it a new key with `ocgo-key replace`")
	}
	if err := a.reachKeychain(label); err != nil {
		return err
	}
	key, err := a.readKey("Key of " + label + ": ")
	if err != nil {
		return err
	}
	usage, err := a.vet(before, "", key, c.NoVerify)
	if err != nil {
		return err
	}
	id := newID()
	err = a.alone(func() error {
		now, err := pool.Overview(context.Background())
		if err != nil {
			return err
		}
		if err := a.refuseKnownKey(now, "", key); err != nil {
			return err
		}
		return a.enlist(pool, rotation.Newcomer{ID: id, Label: label}, key, usage)
	})
	if err != nil {
		return err
	}
	if err := a.done("added", label, id); err != nil || a.JSON {
		return err
	}
	a.sayLimited(pool, id)
	return nil
}

// sayLimited tells that the account cannot be used now, if the service said so.
func (a *app) sayLimited(pool *rotation.Pool, id string) {
	o, err := pool.Overview(context.Background())
	if err != nil {
		return
	}
	for _, v := range o.Accounts {
		if v.ID == id && v.Condition.State == rotation.Cooling {
			a.Say("%s is %s", v.Label, conditionText(v.Condition, time.Now()))
		}
	}
}

// reachKeychain finds out whether a key could be stored, before the user is asked for one.
func (a *app) reachKeychain(label string) error {
	ctx, cancel := a.keychainContext()
	defer cancel()
	if _, err := a.keys().Get(ctx, newID()); err != nil && !errors.Is(err, keychain.ErrNotFound) {
		return fmt.Errorf("%s was not added: %w", label, keychain.Unasked(err))
	}
	return nil
}

// enlist puts the key of a new account into the keychain, reads it back, and only then lists the account.
func (a *app) enlist(pool *rotation.Pool, n rotation.Newcomer, key keychain.Secret, usage rotation.Usage) error {
	ctx, cancel := a.keychainContext()
	defer cancel()
	keys := a.keys()
	if err := pool.Prepare(ctx, n.ID, n.Label); err != nil {
		return err
	}
	if err := storeKey(ctx, keys, n.ID, key); err != nil {
		abandon(pool, keys, n.ID)
		return keychain.Naming(err, n.Label)
	}
	n.Workspace, n.User = usage.Workspace, usage.User
	if err := pool.Add(ctx, n); err != nil {
		abandon(pool, keys, n.ID)
		return err
	}
	_ = pool.Learn(ctx, rotation.Handout{ID: n.ID}, usage) // if not now, then after its first request
	return nil
}

// vet refuses a key that is there already or that the service does not know, and warns of one that shares its
// usage limit with another. self is the id of the account it is for, empty for a new one.
func (a *app) vet(o rotation.Overview, self string, key keychain.Secret, noVerify bool) (rotation.Usage, error) {
	if err := a.refuseKnownKey(o, self, key); err != nil {
		return rotation.Usage{}, err
	}
	usage, err := a.verify(key, noVerify)
	if err == nil {
		a.warnSharedUsage(o, self, usage)
	}
	return usage, err
}

// abandon takes back what a failed add may have stored. Where that fails too, the state still says that a key
// may be there, for a later clean-up.
func abandon(pool *rotation.Pool, keys keychain.Store, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), helperBudget)
	defer cancel()
	if err := keys.Delete(ctx, id); err == nil || errors.Is(err, keychain.ErrNotFound) {
		_ = pool.Settle(ctx, id)
	}
}

// storeKey writes the key and reads it back: what a keychain says it stored is not always what it stored.
func storeKey(ctx context.Context, keys keychain.Store, id string, key keychain.Secret) error {
	if err := keys.Set(ctx, id, key); err != nil {
		return err
	}
	back, err := keys.Get(ctx, id)
	if err != nil {
		return fmt.Errorf("the key was stored but could not be read back: %w", err)
	}
	if !back.Equal(key) {
		return errors.New("the keychain gave back another key than was stored")
	}
	return nil
}

// refuseKnownKey refuses a key that an account other than self has already. That self has it means that a replace
// was cut short, and is finished now.
func (a *app) refuseKnownKey(o rotation.Overview, self string, key keychain.Secret) error {
	held, err := a.heldKeys(o)
	if err != nil {
		return err
	}
	if known, ok := held.of(key); ok && known.ID != self {
		return hint.On(fmt.Errorf("this key is %w, as %s", rotation.ErrAlreadyThere, known.Label), "")
	}
	return nil
}

// heldKey is an account with its key.
type heldKey struct {
	rotation.View
	key keychain.Secret
}

type heldKeys []heldKey

// of returns the account that has this key.
func (h heldKeys) of(key keychain.Secret) (rotation.View, bool) {
	for _, held := range h {
		if held.key.Equal(key) {
			return held.View, true
		}
	}
	return rotation.View{}, false
}

// secrets are the keys.
func (h heldKeys) secrets() []keychain.Secret {
	keys := make([]keychain.Secret, len(h))
	for i, held := range h {
		keys[i] = held.key
	}
	return keys
}

// heldKeys reads the key of each account, as the keychain has it: nothing derived from a key is kept anywhere that
// could be compared instead.
func (a *app) heldKeys(o rotation.Overview) (heldKeys, error) {
	ctx, cancel := a.keychainContext()
	defer cancel()
	keys := a.keys()
	var held heldKeys
	for _, v := range o.Accounts {
		key, err := keys.Get(ctx, v.ID)
		if errors.Is(err, keychain.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, keychain.Naming(err, v.Label)
		}
		held = append(held, heldKey{v, key})
	}
	return held, nil
}

// verifyTimeout bounds the question to the service whether it knows a key.
const verifyTimeout = 10 * time.Second

// verify asks the service for the key's usage. Only a clear no is an error; skip says not to ask.
func (a *app) verify(key keychain.Secret, skip bool) (rotation.Usage, error) {
	if skip {
		return rotation.Usage{}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), verifyTimeout)
	defer cancel()
	usage, err := helper.FetchUsage(ctx, helper.NewClient(), a.baseURL, key)
	refused := new(helper.UsageError)
	switch {
	case err == nil:
		return usage, nil
	case errors.As(err, &refused) && refused.Status == http.StatusUnauthorized:
		return rotation.Usage{}, hint.On(hint.Refuse("the service does not know this key (401)"),
			"check that it was copied whole; --no-verify stores it all the same")
	case errors.As(err, &refused) && refused.Status == http.StatusForbidden:
		a.Warn("the service says that this key has no Go subscription (403); it will be stored all the same", "subscribe, or take it out with `ocgo-key remove`")
	default:
		a.Warn("the key could not be checked: "+err.Error(), "it will be stored all the same; --no-verify skips the check")
	}
	return rotation.Usage{}, nil
}

// warnSharedUsage tells of another account with the same subscription: the two share one usage limit.
func (a *app) warnSharedUsage(o rotation.Overview, self string, usage rotation.Usage) {
	var others []string
	for _, v := range o.Accounts {
		if v.ID != self && usage.Workspace != "" && usage.User != "" && v.Workspace == usage.Workspace && v.User == usage.User {
			others = append(others, v.Label)
		}
	}
	switch len(others) {
	case 0:
		return
	case 1:
		a.Warn(fmt.Sprintf("this key belongs to the same workspace and user as %s: the two share one usage limit", others[0]), "a second workspace with its own subscription has its own usage limit")
	default:
		a.Warn(fmt.Sprintf("this key belongs to the same workspace and user as %s: all of them share one usage limit", strings.Join(others, ", ")), "a second workspace with its own subscription has its own usage limit")
	}
}

// newID names an account for good; labels may change.
func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}

// maxLabel bounds a label, in characters, so that lists stay readable.
const maxLabel = 40

// checkLabel refuses what could not be typed again, or be taken for something else.
func checkLabel(label string) error {
	_, err := strconv.Atoi(label)
	switch {
	case strings.TrimSpace(label) != label || label == "":
		return hint.Input("a label cannot be empty, or begin or end with a space")
	case err == nil:
		return hint.On(hint.Input("%q is a number, and numbers name accounts by their place in the list", label), "choose a word as the label")
	case strings.HasPrefix(label, "-"):
		return hint.Input("a label cannot begin with -, which begins a flag")
	case utf8.RuneCountInString(label) > maxLabel:
		return hint.Input("a label has at most %d characters", maxLabel)
	case !utf8.ValidString(label) || strings.ContainsFunc(label, func(r rune) bool { return !unicode.IsPrint(r) }):
		return hint.Input("a label has to be printable")
	case keyform.Within(label):
		return hint.On(hint.Input("that looks like a key, not like a label; now it may be in your shell's history"), "remove it there; then `ocgo-key add LABEL` asks for the key")
	}
	return nil
}
