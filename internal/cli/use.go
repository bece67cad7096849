package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"ocgo-key/helper/choice"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

type useCmd struct {
	Name string `arg:"" optional:"" complete:"account" help:"Label or number of the account."`
	PID  int    `name:"pid" placeholder:"PID" complete:"holder" help:"The process that gets the account. Default: the next process without an account."`
	Here bool   `help:"Choose the account for this folder: write the label into ./.ocgo-key. Without NAME, confirm an existing .ocgo-key file that git tracks."`
}

func (*useCmd) Help() string {
	return `The choice does not change the order in which the other accounts follow. An account that is not ready cannot be chosen. With --here the choice applies to every process that is started in this folder or below it. The file contains only the label. If git tracks the file, somebody else may have written it. Then you have to confirm it, and again after its label has changed.

Examples:
  ocgo-key use Personal
  ocgo-key use Personal --pid 4711
  ocgo-key use Personal --here
  ocgo-key use --here`
}

func (c *useCmd) Run(a *app) error {
	switch {
	case c.Here && c.PID != 0:
		return hint.Input("--here cannot be combined with --pid")
	case c.Here:
		return c.here(a)
	case c.Name == "":
		return hint.On(hint.Input("no account is named"), "`ocgo-key list` shows labels and numbers")
	case c.PID < 0:
		return hint.Input("--pid %d: not a process", c.PID)
	}
	pool, v, err := a.account(c.Name)
	if err != nil {
		return err
	}
	ctx := context.Background()
	var sw rotation.Switch
	said := ""
	if c.PID == 0 {
		sw, err = pool.Use(ctx, v.ID)
		said = "the next process gets " + v.Label
	} else {
		var p rotation.Process
		if p, err = processOf(c.PID); err == nil {
			sw, err = pool.Give(ctx, p, v.ID)
		}
		said = fmt.Sprintf("%s (%d) gets %s", p.Command, p.PID, v.Label)
	}
	if err != nil {
		return err
	}
	if a.JSON {
		return printSwitch(a, sw)
	}
	if sw.From.Label != "" && sw.From.ID != sw.To.ID {
		said += " (was " + sw.From.Label + ")"
	}
	a.Say("%s", text.Line(said))
	return nil
}

// here writes or confirms the .ocgo-key file of this folder.
func (c *useCmd) here(a *app) error {
	folder, err := os.Getwd()
	if err != nil {
		return err
	}
	pool, err := a.pool()
	if err != nil {
		return err
	}
	var file choice.File
	if c.Name == "" {
		home, _ := os.UserHomeDir()
		file, err = choice.Look(folder, home)
		if ignored, ok := errors.AsType[*choice.Ignored](err); ok {
			return hint.On(ignored.Reason, ignored.Next)
		}
		if file.Path == "" {
			return hint.On(errors.New("there is no .ocgo-key here or above"), "`ocgo-key use NAME --here` creates the file")
		}
	}
	ctx := context.Background()
	account, _, err := pool.Called(ctx, text.OneLineOr(c.Name, file.Label), c.Name != "")
	if err != nil {
		return err
	}
	if c.Name != "" {
		if file, err = choice.Write(folder, account.Label); err != nil {
			return fmt.Errorf("cannot write %s: %w", choice.FileName, err)
		}
	}
	if file.Tracked {
		if err := pool.Confirm(ctx, file.Path, file.Label); err != nil {
			return err
		}
	}
	return a.done("processes started here get", account.Label, account.ID)
}
