package cli

import (
	"context"
	"errors"
	"os"

	"ocgo-key/helper/choice"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

// choiceFlags are the flags with which the user chooses an account.
type choiceFlags struct {
	Account string `placeholder:"NAME" complete:"account" help:"The account to use, by label or number; at a limit the next one is used. Default: OCGO_KEY_ACCOUNT, else the first .ocgo-key file from this folder upwards, else the next account."`
	Only    bool   `help:"Use only the chosen account, and no other one at a limit."`
}

// sources returns where to look for the user's choice of an account, for a process in this folder.
func (f choiceFlags) sources(a *app, folder string) choice.Sources {
	home, _ := os.UserHomeDir() // without a home, the search ends at the repository's root
	return choice.Sources{Flag: f.Account, Variable: a.getenv(choice.Variable), Folder: folder, Home: home, Only: f.Only}
}

// chosen returns the user's choice for this process. It warns the user if it ignores a choice.
func (f choiceFlags) chosen(ctx context.Context, a *app, pool *rotation.Pool) (choice.Choice, error) {
	folder, _ := os.Getwd() // a deleted folder has no .ocgo-key file
	return found(ctx, a, pool, f.sources(a, folder))
}

func found(ctx context.Context, a *app, pool *rotation.Pool, in choice.Sources) (choice.Choice, error) {
	c, err := choice.Find(ctx, pool, in)
	if ignored, ok := errors.AsType[*choice.Ignored](err); ok {
		a.Warn(text.Line(ignored.Error()+"; the next account is used"), ignored.Next)
		return choice.Choice{}, nil
	}
	return c, err
}
