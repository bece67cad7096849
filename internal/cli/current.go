package cli

import (
	"context"
	"fmt"
	"os"

	"ocgo-key/helper/caller"
	"ocgo-key/helper/choice"
	"ocgo-key/helper/supervise"
	"ocgo-key/internal/paths"
	"ocgo-key/internal/process"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

type currentCmd struct {
	choiceFlags
	PID int `name:"pid" placeholder:"PID" complete:"holder" help:"The process to ask about. Default: the calling process, or the run that it is in."`
}

func (*currentCmd) Help() string {
	return `Prints the label and the reason. It changes nothing, sends nothing, and does not use the keychain.

Examples:
  ocgo-key current
  ocgo-key current --json`
}

// currentJSON is the output of `current --json`. Scripts depend on its format.
type currentJSON struct {
	Account string  `json:"account"`
	Held    bool    `json:"held"`    // false: the process would get it
	Why     string  `json:"why"`     // held, chosen, use, turn
	From    *string `json:"from"`    // where a choice was made: --account, OCGO_KEY_ACCOUNT, a file
	PID     *int    `json:"pid"`     // of the process that holds it
	Command *string `json:"command"` // its name
}

func (c *currentCmd) Run(a *app) error {
	dir, err := paths.StateDir(a.getenv, os.UserHomeDir)
	if err != nil {
		return err
	}
	pool, ctx := rotation.Peek(dir), context.Background()
	proc, err := c.process(ctx, a, pool)
	if err != nil {
		return err
	}
	chosen, err := c.chosen(ctx, a, pool)
	if err != nil {
		return err
	}
	chosen.Choice.Again = c.Account != ""
	p, err := pool.Prospect(ctx, proc, rotation.Ask{Choice: chosen.Choice})
	if err != nil {
		return err
	}
	j, why := c.explain(p, proc, chosen)
	if a.JSON {
		return a.Document(j)
	}
	return a.Print("%s\n", text.Line(fmt.Sprintf("%s (%s)", p.Label, why)))
}

// explain returns the reason for the account, as JSON and as text.
func (c *currentCmd) explain(p rotation.Prospect, proc rotation.Process, chosen choice.Choice) (j currentJSON, why string) {
	j = currentJSON{Account: p.Label, Held: p.Held, Why: "turn"}
	why = "next in turn"
	switch {
	case p.Held:
		j.Why, j.PID, j.Command = "held", &proc.PID, &proc.Command
		why = fmt.Sprintf("%s %d has it", proc.Command, proc.PID)
	case p.Chosen:
		j.Why, j.From = "chosen", &chosen.From
		return j, "from " + chosen.From
	case p.Use:
		j.Why = "use"
		return j, "chosen with use"
	}
	switch {
	case chosen.ID == "":
	case chosen.ID == p.ID:
		j.From = &chosen.From
		why += ", from " + chosen.From
	default:
		why += fmt.Sprintf("; %s, is %s", chosen, chosen.Condition.State)
	}
	return j, why
}

// process returns the process to ask about: within `run`, the nearest ancestor that holds an
// account.
func (c *currentCmd) process(ctx context.Context, a *app, pool *rotation.Pool) (rotation.Process, error) {
	if c.PID == 0 && a.getenv(supervise.GatewayVariable) != "" {
		holds, err := pool.Holders(ctx)
		if err != nil {
			return rotation.Process{}, err
		}
		if info, ok := caller.Above(os.Getpid(), process.Lookup, func(p process.Info) bool { return holds(p.PID, p.Start) }); ok {
			return rotation.Process{PID: info.PID, Start: info.Start, Command: info.Name}, nil
		}
	}
	return callerOr(ctx, c.PID, pool)
}
