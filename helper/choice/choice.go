// Package choice finds the account that the user has chosen with a flag, with the variable
// OCGO_KEY_ACCOUNT, or with a file `.ocgo-key` in the working folder or above it. It looks up the
// name in the pool. It reports where the choice comes from, or why it is ignored.
//
// It does not choose or hand out accounts itself, and uses no keys.
package choice

import (
	"context"
	"errors"
	"fmt"

	"ocgo-key/internal/hint"
	"ocgo-key/internal/keyform"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

// Variable is the environment variable that names an account.
const Variable = "OCGO_KEY_ACCOUNT"

// Sources are the places where the user may have chosen an account. An earlier field takes
// precedence.
type Sources struct {
	Flag     string // the value of --account; empty for none
	Variable string // the value of Variable; empty for none
	Folder   string // the folder where the search for FileName begins; empty for none
	Home     string // the user's home folder; empty if it is not known
	Only     bool   // --only: no other account
}

// Choice is the user's choice; the zero value is none.
type Choice struct {
	rotation.Choice
	Label     string             // of the account
	From      string             // for people: "--account", "OCGO_KEY_ACCOUNT", "./.ocgo-key"
	Condition rotation.Condition // of the account at the time of the choice
}

// String is "Work, from ./.ocgo-key"; empty for no choice.
func (c Choice) String() string {
	if c.ID == "" {
		return ""
	}
	return text.Line(c.Label + ", from " + c.From)
}

// Ignored is the error for a choice that has no effect, since the account is unknown or the file is
// not safe. The caller warns the user and uses the next account.
type Ignored struct {
	Reason error
	Next   string // what the user can do
}

func (e *Ignored) Error() string { return e.Reason.Error() }
func (e *Ignored) Unwrap() error { return e.Reason }

// Pool has the methods of a rotation.Pool that Find needs.
type Pool interface {
	Called(ctx context.Context, name string, numbers bool) (rotation.Handout, rotation.Condition, error)
	Confirmed(ctx context.Context, path, label string) bool
}

// Find returns the user's choice; the zero Choice if there is none. An *Ignored error is only a
// warning. With --only, Find returns an error if there is no valid choice. Other errors come from
// the pool.
func Find(ctx context.Context, pool Pool, in Sources) (Choice, error) {
	c, err := find(ctx, pool, in)
	ignored, ok := errors.AsType[*Ignored](err)
	switch {
	case ok && in.Only:
		return Choice{}, hint.On(fmt.Errorf("--only: %w", ignored.Reason), ignored.Next)
	case err == nil && in.Only && c.ID == "":
		return Choice{}, hint.On(hint.Input("--only: no account is chosen"), "choose one with --account, "+Variable+" or a file "+FileName)
	}
	c.Only = in.Only
	return c, err
}

func find(ctx context.Context, pool Pool, in Sources) (Choice, error) {
	switch {
	case in.Flag != "":
		return named(ctx, pool, in.Flag, "--account")
	case in.Variable != "":
		return named(ctx, pool, in.Variable, Variable)
	case in.Folder == "":
		return Choice{}, nil
	}
	file, err := Look(in.Folder, in.Home)
	if err != nil || file.Path == "" {
		return Choice{}, err
	}
	if file.Tracked && !pool.Confirmed(ctx, file.Path, file.Label) {
		return Choice{}, &Ignored{fmt.Errorf("%s is ignored: git tracks it, so somebody else may have written it", file.Shown), "`ocgo-key use --here` confirms it"}
	}
	h, condition, err := pool.Called(ctx, file.Label, false)
	if errors.Is(err, rotation.ErrNoSuchAccount) {
		return Choice{}, &Ignored{fmt.Errorf("%s: %w", file.Shown, err), "`ocgo-key list` shows the labels"}
	}
	return Choice{rotation.Choice{ID: h.ID}, h.Label, file.Shown, condition}, err
}

// named returns the choice of the account that a flag or a variable names.
func named(ctx context.Context, pool Pool, name, from string) (Choice, error) {
	if keyform.Within(name) {
		return Choice{}, &Ignored{fmt.Errorf("%s: %w: it looks like a key", from, rotation.ErrNoSuchAccount), "give the label of an account; `ocgo-key list` shows all labels"}
	}
	h, condition, err := pool.Called(ctx, name, true)
	if errors.Is(err, rotation.ErrNoSuchAccount) {
		return Choice{}, &Ignored{fmt.Errorf("%s: %w", from, err), "`ocgo-key list` shows labels and numbers"}
	}
	return Choice{rotation.Choice{ID: h.ID}, h.Label, from, condition}, err
}
