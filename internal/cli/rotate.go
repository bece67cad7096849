package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"ocgo-key/helper/caller"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/process"
	"ocgo-key/internal/term"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

type rotateCmd struct {
	PID        int     `name:"pid" placeholder:"PID" complete:"holder" help:"The process to switch. Default: the next process without an account."`
	Status     int     `placeholder:"N" help:"Report an answer of the service with this status. Pipe in its body if you have it."`
	RetryAfter float64 `placeholder:"S" help:"The answer's retry-after, in seconds."`
}

func (*rotateCmd) Help() string {
	return `Without --status it skips the account that is next; a process that already has an account keeps it. --pid switches one process to another account (--pid $$: this shell). --status reports an answer of the service: a limit puts the account in cooldown, a bad key rejects it, and any other answer changes nothing. Pipe in the body of the answer: the status alone is often not enough to decide. The report is about the account of --pid, else of the calling process, else about the account last handed out. Prints FROM -> TO, or only TO if the process had no account.

Examples:
  ocgo-key rotate
  ocgo-key rotate --pid 4711
  ocgo-key rotate --status 429 --retry-after 12000 < body.json`
}

func (c *rotateCmd) Run(a *app) error {
	if c.Status == 0 && c.RetryAfter != 0 {
		return hint.Input("--retry-after needs --status")
	}
	if !(c.RetryAfter >= 0) || math.IsInf(c.RetryAfter, 0) { // also for NaN
		return hint.Input("--retry-after %v: not a number of seconds", c.RetryAfter)
	}
	if c.PID < 0 {
		return hint.Input("--pid %d: not a process", c.PID)
	}
	pool, err := a.pool()
	if err != nil {
		return err
	}
	var sw rotation.Switch
	switch {
	case c.Status != 0:
		sw, err = c.report(a, pool)
	case c.PID != 0:
		var p rotation.Process
		if p, err = processOf(c.PID); err == nil {
			sw, err = pool.Move(context.Background(), p)
		}
	default:
		sw, err = pool.Skip(context.Background())
	}
	if err != nil {
		return err
	}
	if c.Status == 0 && !a.JSON {
		o, err := pool.Overview(context.Background())
		if err != nil {
			return err
		}
		a.Say("%s", text.Line(c.moved(sw, o)))
	}
	return printSwitch(a, sw)
}

// moved returns a text about what switches and what does not: "The next process gets Personal (was
// Work). opencode (22509) stays on Spare; to move it: ocgo-key rotate --pid 22509".
func (c *rotateCmd) moved(sw rotation.Switch, o rotation.Overview) string {
	if c.PID != 0 {
		was := ""
		if sw.From.Label != "" {
			was = " (was " + sw.From.Label + ")"
		}
		return fmt.Sprintf("Process %d gets %s%s at its next request. The next process gets %s", c.PID, sw.To.Label, was, cmp.Or(o.Next, "none"))
	}
	said := fmt.Sprintf("The next process gets %s (was %s).", sw.To.Label, sw.From.Label)
	stay := 0
	for _, v := range o.Accounts {
		for _, l := range v.Leases {
			if stay++; stay <= maxStaying {
				said += fmt.Sprintf(" %s (%d) stays on %s; to move it: ocgo-key rotate --pid %d.", l.Command, l.PID, v.Label, l.PID)
			}
		}
	}
	if stay > maxStaying {
		said += fmt.Sprintf(" %d more stay; `ocgo-key list` shows them.", stay-maxStaying)
	}
	return strings.TrimSuffix(said, ".")
}

// maxStaying is how many of the processes that keep their accounts are named.
const maxStaying = 3

func printSwitch(a *app, sw rotation.Switch) error {
	if a.JSON {
		return a.Document(map[string]*string{"from": nonZero(sw.From.Label), "to": nonZero(sw.To.Label)})
	}
	return a.Print("%s\n", text.Line(switchedText(sw)))
}

// switchedText is "Work -> Personal".
func switchedText(sw rotation.Switch) string {
	if sw.From.Label == "" { // the process held none before
		return sw.To.Label
	}
	return sw.From.Label + " -> " + sw.To.Label
}

// report passes the answer that the flags describe to the pool.
func (c *rotateCmd) report(a *app, pool *rotation.Pool) (rotation.Switch, error) {
	if c.Status < 100 || c.Status > 599 {
		return rotation.Switch{}, hint.Input("--status %d: not an HTTP status", c.Status)
	}
	answer := rotation.Answer{Status: c.Status, Header: http.Header{}}
	if c.RetryAfter != 0 {
		answer.Header.Set("Retry-After", strconv.FormatFloat(c.RetryAfter, 'f', -1, 64))
	}
	body, err := pipedBody(a)
	if err != nil {
		return rotation.Switch{}, err
	}
	answer.Body = body
	ctx := context.Background()
	proc, held, err := c.holder(ctx, pool)
	if err != nil {
		return rotation.Switch{}, err
	}
	verdict := rotation.Classify(answer, time.Now())
	sw := rotation.Switch{From: held, To: held, Verdict: verdict}
	switch {
	case !verdict.Failover():
		a.Say("status %d says nothing about %s: its state is unchanged", c.Status, held.Label)
		return sw, nil
	case proc == nil:
		sw.To, err = pool.Blame(ctx, held, verdict)
	default:
		sw.To, _, err = pool.Report(ctx, *proc, held, verdict, rotation.Ask{})
	}
	return sw, err
}

// holder finds the account that the answer is about, and the process that holds the account, if
// any.
func (c *rotateCmd) holder(ctx context.Context, pool *rotation.Pool) (*rotation.Process, rotation.Handout, error) {
	o, err := pool.Overview(ctx)
	if err != nil {
		return nil, rotation.Handout{}, err
	}
	if len(o.Accounts) == 0 {
		return nil, rotation.Handout{}, rotation.ErrEmpty
	}
	proc, err := callerOr(ctx, c.PID, pool)
	if err != nil {
		return nil, rotation.Handout{}, err
	}
	var last *rotation.View
	for i, v := range o.Accounts {
		for _, l := range v.Leases {
			if l.PID == proc.PID && l.Start == proc.Start {
				return &proc, v.Handout(), nil
			}
		}
		if v.ID == o.Last {
			last = &o.Accounts[i]
		}
	}
	if c.PID != 0 {
		return nil, rotation.Handout{}, hint.On(fmt.Errorf("process %d holds no account", c.PID), "`ocgo-key list` shows who holds which")
	}
	if last == nil {
		return nil, rotation.Handout{}, hint.On(errors.New("no account was handed out yet, so no account can be blamed"), "name the process with --pid")
	}
	return nil, last.Handout(), nil
}

// maxBody is the largest part of a piped body that is read, in bytes.
const maxBody = 1 << 20

// pipedBody reads the body from stdin if stdin is a pipe or a file.
func pipedBody(a *app) ([]byte, error) {
	info, err := a.stdin.Stat()
	if err != nil || term.IsTerminal(a.stdin) || info.Mode()&os.ModeCharDevice != 0 {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(a.stdin, maxBody))
	if err != nil {
		return nil, fmt.Errorf("cannot read the body from stdin: %w", err)
	}
	return body, nil
}

// callerOr returns the process with this pid, or the calling process if pid is 0.
func callerOr(ctx context.Context, pid int, pool *rotation.Pool) (rotation.Process, error) {
	if pid != 0 {
		return processOf(pid)
	}
	holds, err := pool.Holders(ctx)
	if err != nil {
		return rotation.Process{}, err
	}
	info, err := caller.Find(os.Getpid(), process.Lookup, func(p process.Info) bool { return holds(p.PID, p.Start) })
	if err != nil {
		return rotation.Process{}, hint.On(fmt.Errorf("cannot find the calling process: %w", err), "name it with --pid")
	}
	return rotation.Process{PID: info.PID, Start: info.Start, Command: info.Name}, nil
}

func processOf(pid int) (rotation.Process, error) {
	info, err := process.Lookup(pid)
	if errors.Is(err, process.ErrNotExist) {
		err = fmt.Errorf("there is no process %d", pid)
	}
	if err != nil {
		return rotation.Process{}, hint.On(err, "--pid takes the id of a running process")
	}
	return rotation.Process{PID: info.PID, Start: info.Start, Command: info.Name}, nil
}
