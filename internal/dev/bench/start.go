package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ocgo-key/internal/fakeservice"
)

// startModel is the model that OpenCode uses.
const startModel = "opencode-go/kimi-k2.6"

// The stand-in service knows two accounts: the one in the pool, and the one whose key OpenCode uses
// without a pool.
const (
	pooled = 1
	own    = 2
)

// starter is one way of starting OpenCode.
type starter struct {
	name    string
	home    home
	argv    []string
	account int // the account whose key the requests have
}

// These are the compared ways to start OpenCode, as indexes.
const (
	plain = iota
	withPlugin
	underRun
)

// starters are the compared ways to start OpenCode 1 or OpenCode 2.
type starters struct {
	*scratch
	name     string // the plugin for this generation (OpenCode 1 or 2)
	opencode string
	flags    []string // further arguments of its `run`, except under `ocgo-key run`
	service  *fakeservice.Server
	ways     [3]*starter
}

// secondVariable is the environment variable with the path of OpenCode 2: both generations are
// named opencode.
const secondVariable = "OPENCODE2_BIN"

// benchStart makes the section about the start of OpenCode.
func benchStart(ctx context.Context, s *settings) (*report, error) {
	first, err := exec.LookPath("opencode")
	if err != nil {
		return nil, fmt.Errorf("OpenCode is not installed: `make bench` installs it, or put one on PATH (`npm install -g opencode-ai`): %w", err)
	}
	second, err := exec.LookPath(os.Getenv(secondVariable))
	if err != nil {
		return nil, fmt.Errorf("OpenCode 2 is not installed: `make bench` installs it and names it in %s: %w", secondVariable, err)
	}
	r := &report{
		title:   "Start-up of OpenCode",
		columns: versusColumns,
		notes: []string{
			fmt.Sprintf("The time of `opencode run -m %s \"say hi\"` is from its start until its first request arrives at a stand-in for the service on "+
				"127.0.0.1. Without the plugin, `OPENCODE_CONFIG_CONTENT` contains the address of the stand-in and a key. `ocgo-key install --yes` has "+
				"written the plugin. In both cases OpenCode 2 has the option `--standalone`, so it has a private server, as under `ocgo-key run`. Each "+
				"case has its own home folder, in which OpenCode has been started before. The key of the pool is in a real gnome-keyring.", startModel),
			fmt.Sprintf("The compared ways to start OpenCode take turns, one start each, in an order that changes from round to round: %d rounds, and %d of "+
				"`--version`. Differences and ratios are computed within each round; the table has their median. The middle half of the rounds is in "+
				"brackets.",
				s.effort.startRounds, s.effort.versionRounds),
		},
	}
	for _, st := range []*starters{{name: "OpenCode 1", opencode: first}, {name: "OpenCode 2", opencode: second, flags: []string{"--standalone"}}} {
		rows, version, err := st.measure(ctx, s)
		if err != nil {
			return nil, err
		}
		r.rows = append(r.rows, rows...)
		r.notes = append(r.notes, st.name+" is "+version+".")
	}
	return r, nil
}

// startLimit is the target for the time to OpenCode's first request, as a multiple of the time
// without ocgo-key.
const startLimit = 1.02

// measure returns the rows of one OpenCode, and its version.
func (st *starters) measure(ctx context.Context, s *settings) (rows []row, number string, err error) {
	open, err := openScratch(s.binary)
	defer func() { err = errors.Join(err, open.Close()) }()
	if err != nil {
		return nil, "", err
	}
	st.scratch = open
	if err := st.enter(ctx, s.effort.openCode); err != nil {
		return nil, "", err
	}
	version, err := st.version(ctx)
	if err != nil {
		return nil, "", err
	}
	s.log("to the first request of " + version)
	var watches []stopwatch
	for _, way := range st.ways {
		watches = append(watches, func(ctx context.Context) (float64, error) { return st.firstRequest(ctx, way) })
	}
	took, err := race(ctx, watches, s.effort.warmUps, s.effort.startRounds)
	if err != nil {
		return nil, "", err
	}
	s.log("--version of " + version)
	alone := &contestant{name: "`opencode --version`", argv: []string{st.opencode, "--version"}, env: st.ways[plain].home.env, prints: exactly(version)}
	wrapped := &contestant{name: "`run -- opencode --version`", argv: []string{s.binary, "run", "--", st.opencode, "--version"},
		env: st.ways[underRun].home.env, prints: exactly(version)}
	shown, err := race(ctx, []stopwatch{alone.time, wrapped.time}, s.effort.warmUps, s.effort.versionRounds)
	if err != nil {
		return nil, "", err
	}
	number = strings.TrimPrefix(strings.TrimPrefix(version, "opencode "), "v")
	named := func(name string) string { return st.name + ", " + name }
	base := named(st.ways[plain].name)
	return []row{
		versus(named(st.ways[withPlugin].name), took[withPlugin], base, took[plain], atMost(startLimit)),
		versus(named(st.ways[underRun].name), took[underRun], base, took[plain], atMost(startLimit)),
		versus(named(wrapped.name), shown[1], named(alone.name), shown[0], addsUnder(runLimit)),
	}, number, nil
}

// enter starts the stand-in service and prepares a home for each starter. env is the environment of
// OpenCode.
func (st *starters) enter(ctx context.Context, env []string) (err error) {
	st.service, err = fakeservice.Start(fakeservice.Options{Accounts: []fakeservice.Account{
		{Key: keyOf(pooled), Label: labelOf(pooled)}, {Key: keyOf(own), Label: labelOf(own)},
	}})
	if err != nil {
		return err
	}
	st.OnClose(st.service.Close)
	asked := append(append([]string{st.opencode, "run"}, st.flags...), "-m", startModel, "say hi")
	st.ways = [3]*starter{
		plain:      {name: "without the plugin", argv: asked, account: own},
		withPlugin: {name: "with the plugin", argv: asked, account: pooled},
		underRun:   {name: "under `ocgo-key run`", argv: append([]string{st.binary, "run", "--"}, asked...), account: pooled},
	}
	for w, s := range st.ways {
		if s.home, err = st.newHome(fmt.Sprint("home", w), st.service.BaseURL()); err != nil {
			return err
		}
		s.home.env = append(append(s.home.env, "OPENCODE_DISABLE_MODELS_FETCH=1", "OPENCODE_DISABLE_AUTOUPDATE=1"), env...)
		if err := os.Mkdir(s.project(), 0o700); err != nil {
			return err
		}
		if s.account == pooled {
			if err := st.fill(ctx, s.home, pooled); err != nil {
				return err
			}
		}
	}
	st.ways[plain].home.env = append(st.ways[plain].home.env, fmt.Sprintf(
		`OPENCODE_CONFIG_CONTENT={"provider":{"opencode-go":{"options":{"baseURL":%q,"apiKey":%q}}}}`, st.service.BaseURL(), keyOf(own)))
	install := exec.CommandContext(ctx, st.binary, "install", "--yes")
	install.Env = st.ways[withPlugin].home.env
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot install the plugin: %w: %s", err, out)
	}
	return nil
}

// project returns the working folder of OpenCode.
func (s *starter) project() string { return filepath.Join(s.home.dir, "project") }

// version returns the version that OpenCode prints.
func (st *starters) version(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, st.opencode, "--version")
	cmd.Env = st.ways[plain].home.env
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("opencode --version: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// firstRequest runs OpenCode with one prompt, and returns the time in ms from its start to its
// first request.
func (st *starters) firstRequest(ctx context.Context, s *starter) (float64, error) {
	st.service.ClearRequests()
	cmd := exec.CommandContext(ctx, s.argv[0], s.argv[1:]...)
	cmd.Env, cmd.Dir = append(s.home.env[:len(s.home.env):len(s.home.env)], "PWD="+s.project()), s.project()
	cmd.WaitDelay = patience // a child process may keep our pipe open
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("OpenCode %s: %w: %s", s.name, err, out)
	}
	first, err := firstOf(st.service.Requests(), labelOf(s.account))
	if err != nil {
		return 0, fmt.Errorf("OpenCode %s: %w: %s", s.name, err, out)
	}
	return milliseconds(first.Sub(start)), nil
}

// firstOf returns the time at which OpenCode's first request arrived. It fails if a request has the
// wrong key or was refused: OpenCode then did not work as intended, and the time has no meaning.
func firstOf(requests []fakeservice.Request, account string) (time.Time, error) {
	var first time.Time
	for _, r := range requests {
		if strings.HasSuffix(r.Path, "/usage") { // this request is from ocgo-key, not from OpenCode
			continue
		}
		if r.Account != account || r.Status >= 400 {
			return first, fmt.Errorf("a request with the key of %q was answered with %d; it should have had that of %q", r.Account, r.Status, account)
		}
		if first.IsZero() || r.Time.Before(first) {
			first = r.Time
		}
	}
	if first.IsZero() {
		return first, errors.New("the service was not asked")
	}
	return first, nil
}
