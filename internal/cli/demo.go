package cli

import (
	"context"
	"errors"
	"time"

	"ocgo-key/internal/demo"
	"ocgo-key/internal/hint"
	"ocgo-key/keychain"
)

type demoCmd struct{}

func (*demoCmd) Help() string {
	return `Starts a stand-in for the Go service on this machine, with a pool of three accounts in memory. The first account hits its weekly limit, and the demo shows what happens. The client is OpenCode, in a temporary home folder, or a small built-in client if OpenCode is not installed. None of your files, accounts or settings are read or changed.

Example:
  ocgo-key demo`
}

func (*demoCmd) Run(a *app) error {
	ctx := context.Background()
	stage, err := demo.NewStage(ctx, func(sentence string) { _ = a.Print("  service: %s\n", sentence) })
	if err != nil {
		return err
	}
	defer stage.Service.Close()
	if a.baseURL, err = parseBaseURL(stage.Service.BaseURL()); err != nil {
		return err
	}
	if err := a.Print("A stand-in for the Go service answers at %s.\nThree accounts, in memory: Work (its weekly limit is used up), Personal, Spare.\n\n", a.baseURL); err != nil {
		return err
	}
	client, err := demo.NewClient()
	if err != nil {
		return err
	}
	defer client.Close()
	if !client.OpenCode {
		_ = a.Print("OpenCode is not installed, so a small built-in client sends the request.\n")
	}
	_ = a.Print("$ ocgo-key run -- %s\n", client.Shown)
	run := &runCmd{On429: "auto"}
	status, err := run.supervised(a, client.Command, func() keychain.Store { return stage.Keys }).OnPool(stage.Pool)
	if err == nil {
		err = ended(status)
	}
	if err != nil {
		return err
	}
	o, err := stage.Pool.Overview(ctx)
	if err != nil {
		return err
	}
	_ = a.Print("\nWhat the pool knows now:\n")
	for _, v := range o.Accounts {
		_ = a.Print("  %d  %-9s %s\n", v.Number, v.Label, conditionText(v.Condition, time.Now()))
	}
	return a.Print("The next process gets %s.\n\nTo use your own accounts: `ocgo-key add LABEL`, then `ocgo-key run`.\n", o.Next)
}

// demoClientCmd is the built-in client.
type demoClientCmd struct{}

func (*demoClientCmd) Run(a *app) error {
	base, token := a.getenv("OPENCODE_BASE_URL"), a.getenv("OPENCODE_API_KEY")
	if base == "" || token == "" {
		return hint.On(errors.New("demo-client is only for the demo"), "use `ocgo-key demo`")
	}
	answer, err := demo.Ask(context.Background(), base, token)
	if answer == "" && err != nil {
		return err
	}
	return errors.Join(err, a.Print("%s\n", answer))
}
