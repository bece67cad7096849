// Package demo has the parts of `ocgo-key demo`: a stand-in for the service whose first account is
// used up, a pool and keys in memory, and a client that sends a prompt. It does not read or change
// the user's files.
package demo

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

const (
	model  = "kimi-k2.6"
	prompt = "say hi"
	limit  = 3 * 24 * time.Hour // the time until the first account's limit resets
)

// members are the demo's accounts, with keys that only the stand-in accepts.
var members = []struct{ label, key string }{{"Work", "demo-key-1"}, {"Personal", "demo-key-2"}, {"Spare", "demo-key-3"}}

// Stage has a stand-in service, and a pool with the keys of its accounts.
type Stage struct {
	Service *fakeservice.Server
	Pool    *rotation.Pool
	Keys    keychain.Store
}

// NewStage starts the service and fills the pool. For each model request, a goroutine of the
// service calls tell with a sentence. The caller closes the Service.
func NewStage(ctx context.Context, tell func(sentence string)) (*Stage, error) {
	stage := &Stage{Pool: rotation.InMemory(), Keys: keychain.NewMemory()}
	options := fakeservice.Options{OnDone: func(r fakeservice.Request) {
		if r.Method == http.MethodPost { // a model request, not a usage request of the gateway
			tell(narrate(r))
		}
	}}
	for i, m := range members {
		account := fakeservice.Account{Key: m.key, Label: m.label}
		if i == 0 {
			account.Plan.Limits = []fakeservice.Limit{{Window: fakeservice.Weekly, Until: time.Now().Add(limit)}}
		}
		options.Accounts = append(options.Accounts, account)
		id := accounts.NewID()
		if err := errors.Join(stage.Keys.Set(ctx, id, keychain.NewSecret(m.key)), stage.Pool.Add(ctx, rotation.NewAccount{ID: id, Label: m.label})); err != nil {
			return nil, err
		}
	}
	var err error
	stage.Service, err = fakeservice.Start(options)
	return stage, err
}

// narrate returns a description of a request.
func narrate(r fakeservice.Request) string {
	what := "a turn of the conversation"
	if !r.Tools {
		what = "a title for the session"
	}
	answer := "answered"
	if r.Status == http.StatusTooManyRequests {
		answer = "429, weekly limit used up"
	}
	return fmt.Sprintf("%s asks for %s: %s", r.Account, what, answer)
}

// Client is the program that sends the demo's prompt.
type Client struct {
	Command  wrapper.Command
	OpenCode bool   // false for the built-in client
	Shown    string // the command as shown to the user
	home     string // a scratch folder
}

// NewClient returns OpenCode with a temporary home folder. If OpenCode is not installed, it returns
// `ocgo-key demo-client`, which calls [Ask]. The caller closes the client.
func NewClient() (*Client, error) {
	if opencode, err := exec.LookPath("opencode"); err == nil {
		home, err := os.MkdirTemp("", "ocgo-key-demo-")
		if err != nil {
			return nil, err
		}
		return &Client{OpenCode: true, home: home, Shown: fmt.Sprintf("opencode run -m opencode-go/%s %q", model, prompt),
			Command: wrapper.Command{Argv: []string{opencode, "run", "-m", "opencode-go/" + model, prompt}, Env: environment(home)}}, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return &Client{Shown: "(a small client)", Command: wrapper.Command{Argv: []string{self, "demo-client"}, Env: os.Environ()}}, nil
}

// Close deletes the temporary folder.
func (c *Client) Close() {
	if c.home != "" {
		_ = os.RemoveAll(c.home)
	}
}

// environment returns an environment with this home folder and none of the user's settings.
func environment(home string) []string {
	env := []string{"HOME=" + home, "USERPROFILE=" + home, "OPENCODE_DISABLE_MODELS_FETCH=1", "OPENCODE_DISABLE_AUTOUPDATE=1"}
	for _, name := range []string{"PATH", "TERM", "LANG", "TMPDIR", "TEMP", "SYSTEMROOT", "NO_COLOR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
