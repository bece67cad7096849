// Package demo has the parts of `ocgo-key demo`: a stand-in for the service whose first account is used up, a pool and
// keys in memory, and a client to ask with. It reads and changes nothing of the user's.
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
	limit  = 3 * 24 * time.Hour // how long the first account is limited
)

// members are the demo's accounts, and their keys, which no service but the stand-in knows.
var members = []struct{ label, key string }{{"Work", "demo-key-1"}, {"Personal", "demo-key-2"}, {"Spare", "demo-key-3"}}

// Stage is a service, and a pool with the keys of its accounts.
type Stage struct {
	Service *fakeservice.Server
	Pool    *rotation.Pool
	Keys    keychain.Store
}

// Set sets the stage. tell gets a sentence for each request that the service meets, from a goroutine of the service. The
// caller closes the Service.
func Set(ctx context.Context, tell func(sentence string)) (*Stage, error) {
	stage := &Stage{Pool: rotation.InMemory(), Keys: keychain.NewMemory()}
	options := fakeservice.Options{OnDone: func(r fakeservice.Request) {
		if r.Method == http.MethodPost { // other than the gateway's own question for what is left of an account
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

// narrate is a request as the service saw it.
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

// Client is what asks the demo's question.
type Client struct {
	Command  wrapper.Command
	OpenCode bool   // rather than the small client of this program
	Shown    string // the command, for people
	home     string // a scratch folder
}

// NewClient returns OpenCode where it is installed, in a scratch home folder; else `ocgo-key demo-client`, which is to
// call [Ask]. The caller closes it.
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

// Close deletes the scratch folder.
func (c *Client) Close() {
	if c.home != "" {
		_ = os.RemoveAll(c.home)
	}
}

// environment gives OpenCode a home of its own, and none of the user's settings.
func environment(home string) []string {
	env := []string{"HOME=" + home, "USERPROFILE=" + home, "OPENCODE_DISABLE_MODELS_FETCH=1", "OPENCODE_DISABLE_AUTOUPDATE=1"}
	for _, name := range []string{"PATH", "TERM", "LANG", "TMPDIR", "TEMP", "SYSTEMROOT", "NO_COLOR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
