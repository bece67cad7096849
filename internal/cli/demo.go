package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"

	"ocgo-key/helper/accounts"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/fakeservice"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

type demoCmd struct{}

func (*demoCmd) Help() string {
	return `Starts a stand-in for the Go service on this machine and a pool of three accounts that lives in memory, lets the first account hit its weekly limit, and shows what happens. The client is OpenCode if it is installed, in a scratch home folder; else a small one of our own. Nothing of yours is read or changed.

Example:
  ocgo-key demo`
}

const (
	demoModel  = "kimi-k2.6"
	demoPrompt = "say hi"
	demoLimit  = 3 * 24 * time.Hour // how long the first account is limited
)

// demoKeys are the keys of the demo's accounts, which no service but the stand-in knows.
var demoKeys = []struct{ label, key string }{{"Work", "demo-key-1"}, {"Personal", "demo-key-2"}, {"Spare", "demo-key-3"}}

func (*demoCmd) Run(a *app) error {
	service, pool, keys, err := stage(a)
	if err != nil {
		return err
	}
	defer service.Close()
	if a.baseURL, err = parseBaseURL(service.BaseURL()); err != nil {
		return err
	}
	if err := a.Print("A stand-in for the Go service answers at %s.\nThree accounts, in memory: Work (its weekly limit is used up), Personal, Spare.\n\n", service.BaseURL()); err != nil {
		return err
	}
	shown, command, cleanup, err := demoClient(a)
	if err != nil {
		return err
	}
	defer cleanup()
	_ = a.Print("$ ocgo-key run -- %s\n", shown)
	run := &runCmd{On429: "auto"}
	err = run.run(a, command, func() (*rotation.Pool, error) { return pool, nil }, func() keychain.Store { return keys })
	if err != nil {
		return err
	}
	o, err := pool.Overview(context.Background())
	if err != nil {
		return err
	}
	_ = a.Print("\nWhat the pool knows now:\n")
	for _, v := range o.Accounts {
		_ = a.Print("  %d  %-9s %s\n", v.Number, v.Label, conditionText(v.Condition, time.Now()))
	}
	return a.Print("The next process gets %s.\n\nNow with your own: `ocgo-key add LABEL`, then `ocgo-key run`.\n", o.Next)
}

// stage sets up the service, and a pool that knows its accounts.
func stage(a *app) (*fakeservice.Server, *rotation.Pool, keychain.Store, error) {
	pool, keys := rotation.InMemory(), keychain.NewMemory()
	options := fakeservice.Options{OnDone: func(r fakeservice.Request) { narrate(a, r) }}
	ctx := context.Background()
	for i, d := range demoKeys {
		account := fakeservice.Account{Key: d.key, Label: d.label}
		if i == 0 {
			account.Plan.Limits = []fakeservice.Limit{{Window: fakeservice.Weekly, Until: time.Now().Add(demoLimit)}}
		}
		options.Accounts = append(options.Accounts, account)
		id := accounts.NewID()
		if err := errors.Join(keys.Set(ctx, id, keychain.NewSecret(d.key)), pool.Add(ctx, rotation.Newcomer{ID: id, Label: d.label})); err != nil {
			return nil, nil, nil, err
		}
	}
	service, err := fakeservice.Start(options)
	return service, pool, keys, err
}

// narrate shows a request as the service saw it.
func narrate(a *app, r fakeservice.Request) {
	if r.Method != http.MethodPost {
		return // the gateway's own question for what is left of an account
	}
	what := "a turn of the conversation"
	if !r.Tools {
		what = "a title for the session"
	}
	answer := "answered"
	if r.Status == http.StatusTooManyRequests {
		answer = "429, weekly limit used up"
	}
	_ = a.Print("  service: %s asks for %s: %s\n", r.Account, what, answer)
}

// demoClient is the client to run, how to call it for people, and how to clean up after it.
func demoClient(a *app) (shown string, command wrapper.Command, cleanup func(), err error) {
	if opencode, err := exec.LookPath("opencode"); err == nil {
		home, err := os.MkdirTemp("", "ocgo-key-demo-")
		if err != nil {
			return "", wrapper.Command{}, nil, err
		}
		return fmt.Sprintf("opencode run -m opencode-go/%s %q", demoModel, demoPrompt),
			wrapper.Command{Argv: []string{opencode, "run", "-m", "opencode-go/" + demoModel, demoPrompt}, Env: demoEnv(home)},
			func() { _ = os.RemoveAll(home) }, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", wrapper.Command{}, nil, err
	}
	_ = a.Print("OpenCode is not installed, so a small client of our own asks in its place.\n")
	return "(a small client)", wrapper.Command{Argv: []string{self, "demo-client"}, Env: os.Environ()}, func() {}, nil
}

// demoEnv gives OpenCode a home of its own, and none of the user's settings.
func demoEnv(home string) []string {
	env := []string{"HOME=" + home, "USERPROFILE=" + home, "OPENCODE_DISABLE_MODELS_FETCH=1", "OPENCODE_DISABLE_AUTOUPDATE=1"}
	for _, name := range []string{"PATH", "TERM", "LANG", "TMPDIR", "TEMP", "SYSTEMROOT", "NO_COLOR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
