package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ocgo-key/internal/fakeservice"
	"ocgo-key/keychain"
	"ocgo-key/keychain/keychaintest"
)

type command = func(ts *testscript.TestScript, neg bool, args []string)

// scriptCommands are described in testdata/script/README.md.
var scriptCommands = map[string]command{
	"exits":    exits,
	"fails":    fails,
	"handed":   handed,
	"envkey":   envkey,
	"shape":    shape,
	"plan":     plan,
	"asked":    asked,
	"stored":   stored,
	"lose":     lose,
	"keychain": keychainCommand,
	"keyring":  keyringCommand,
	"typed":    typed,
	"found":    found,
	"gone":     gone,
	"fix":      fix,

	"sealed":    sealed,
	"wrap":      wrap,
	"passwords": passwords,
	"passed":    passed,

	"completes": completes,

	"macos": macos,
	"calls": calls,
}

// exits CODE COMMAND... runs a command and requires this exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
		if code < 0 {
			ts.Fatalf("%v", err)
		}
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// fails is like exits, for an error of ocgo-key: stdout must be empty, and stderr may contain only
// lines of ocgo-key.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	exits(ts, neg, args)
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("stdout is not empty")
	}
	lines := strings.Split(strings.TrimSuffix(ts.ReadFile("stderr"), "\n"), "\n")
	if !strings.HasPrefix(lines[0], "ocgo-key: ") {
		ts.Fatalf("stderr does not begin with \"ocgo-key: \"")
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "ocgo-key: ") && !strings.HasPrefix(line, "hint: ") {
			ts.Fatalf("a line on stderr that is neither ours nor a hint: %q", line)
		}
	}
}

// envkey declares that the script uses --env-key, the only flag that puts a key into an
// environment.
func envkey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: envkey")
	}
	scriptOf(ts).envkey = true
}

// handed [-as TEMPLATE] NAME... requires that stdout of the last command has these keys, one per
// line, and nothing else.
func handed(ts *testscript.TestScript, neg bool, args []string) {
	template := "KEY"
	if len(args) > 2 && args[0] == "-as" {
		template, args = args[1], args[2:]
	}
	if neg || len(args) == 0 {
		ts.Fatalf("usage: handed [-as TEMPLATE] NAME...")
	}
	s := scriptOf(ts)
	var want strings.Builder
	for _, name := range args {
		want.WriteString(strings.ReplaceAll(template, "KEY", s.marker.Key(name)) + "\n")
	}
	got := ts.ReadFile("stdout")
	if got != want.String() {
		ts.Fatalf("stdout is not just the keys %v", args) // stdout is not shown, since it may contain other keys
	}
	s.handed = append(s.handed, got)
}

// shape FILE GOLDEN compares one JSON document with another that may hold <id>, <time>, <pid> and <text>.
func shape(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: shape FILE GOLDEN")
	}
	var got, want any
	decoder := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(decoder.Decode(&got))
	if decoder.More() {
		ts.Fatalf("more than one JSON document")
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &want))
	if place, ok := sameShape(got, want, "$"); !ok {
		ts.Fatalf("%s is not as in %s: %s", args[0], args[1], place)
	}
}

// plan NAME BEHAVIOUR... sets how the service answers requests with the key.
func plan(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptOf(ts)
	if neg || len(args) < 2 {
		ts.Fatalf("usage: plan NAME WHAT...")
	}
	key := s.marker.Key(args[0])
	duration := func(i int) time.Duration {
		d, err := time.ParseDuration(args[i])
		ts.Check(err)
		return d
	}
	switch args[1] {
	case "ok":
		s.service.SetPlan(key, fakeservice.Plan{})
	case "usage-limit": // WINDOW DURATION [FREE-MODEL...]
		s.service.SetPlan(key, fakeservice.Plan{FreeModels: args[4:], Limits: []fakeservice.Limit{{Window: fakeservice.Window(args[2]), Until: time.Now().Add(duration(3))}}})
	case "rate-limit":
		s.service.SetAnswers(key, fakeservice.RateLimit())
	case "no-credits":
		s.service.SetAnswers(key, fakeservice.CreditsError())
	case "no-subscription":
		s.service.SetPlan(key, fakeservice.Plan{Answers: []fakeservice.Answer{fakeservice.EntitlementError()}})
	case "busy":
		s.service.SetAnswers(key, fakeservice.ProviderBusy())
	case "broken":
		s.service.SetPlan(key, fakeservice.Plan{Answers: []fakeservice.Answer{fakeservice.ServerError(http.StatusInternalServerError)},
			Usage: fakeservice.Usage{Answer: &fakeservice.Answer{Status: http.StatusInternalServerError}}})
	case "usage": // WINDOW PERCENT DURATION, any number of times
		usage := fakeservice.Usage{Percent: map[fakeservice.Window]int{}, ResetsAt: map[fakeservice.Window]time.Time{}}
		for i := 2; i+2 < len(args); i += 3 {
			percent, err := strconv.Atoi(args[i+1])
			ts.Check(err)
			usage.Percent[fakeservice.Window(args[i])], usage.ResetsAt[fakeservice.Window(args[i])] = percent, time.Now().Add(duration(i+2))
		}
		s.service.SetPlan(key, fakeservice.Plan{Usage: usage})
	case "usage-refused":
		answer := fakeservice.AuthError()
		s.service.SetPlan(key, fakeservice.Plan{Usage: fakeservice.Usage{Answer: &answer}})
	case "usage-silent":
		s.service.SetPlan(key, fakeservice.Plan{Usage: fakeservice.Usage{Delay: -1}})
	case "error": // STATUS TYPE MESSAGE
		status, err := strconv.Atoi(args[2])
		ts.Check(err)
		s.service.SetAnswers(key, fakeservice.Error(status, args[3], args[4]))
	case "revoked":
		s.service.RemoveAccount(key)
	case "same-subscription-as": // NAME of a key of the same workspace and user
		for _, name := range []string{args[0], args[2]} {
			s.service.AddAccount(fakeservice.Account{Key: s.marker.Key(name), Label: name, Workspace: "wrk_shared", User: "usr_shared"})
		}
	default:
		ts.Fatalf("no such plan %q", args[1])
	}
}

// asked NAME... requires that the service got requests with these keys, in this order, since the
// last `asked`. The gateway's own usage requests count only if the script names one of them, or
// uses `asked nobody`.
func asked(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: asked [NAME...]")
	}
	s := scriptOf(ts)
	all := slices.ContainsFunc(args, func(name string) bool { return name == "nobody" || strings.HasPrefix(name, "usage:") })
	args = slices.DeleteFunc(args, func(name string) bool { return name == "nobody" })
	got := []string{}
	for _, r := range s.service.Requests() {
		name := "stranger"
		for _, n := range keyNames {
			if r.Key == s.marker.Key(n) {
				name = n
			}
		}
		if !strings.HasSuffix(r.Path, "/usage") {
			got = append(got, name)
		} else if all {
			got = append(got, "usage:"+name)
		}
	}
	s.service.ClearRequests()
	if strings.Join(got, " ") != strings.Join(args, " ") {
		ts.Fatalf("the service got requests with %v, want %v", got, args)
	}
}

// stored NAME... requires that the keychain holds these keys; with ! none of them.
func stored(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptOf(ts)
	if ts.Getenv(keychaintest.SecurityVariable) != "" {
		storedInSecurity(ts, neg, args)
		return
	}
	if !keychaintest.Installed {
		storedInFolder(ts, neg, args)
		return
	}
	var out []byte
	for deadline := time.Now().Add(10 * time.Second); ; {
		search := exec.Command("secret-tool", "search", "--all", "--unlock", "service", "ocgo-key")
		search.Env = append(os.Environ(), s.daemon.Env()...)
		var said bytes.Buffer
		search.Stderr = &said
		var err error
		if out, err = search.Output(); err == nil || said.Len() == 0 { // the command fails without a message if it finds nothing
			break
		}
		// Another script deleted a key while this one searched.
		if time.Now().After(deadline) {
			ts.Fatalf("secret-tool: %v: %s", err, said.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
	for _, name := range args {
		if holds := bytes.Contains(out, []byte("secret = "+s.marker.Key(name)+"\n")); holds == neg {
			ts.Fatalf("key %s in the keychain: %v", name, holds)
		}
	}
}

// storedInFolder is the command stored for the folder that replaces the keychain.
func storedInFolder(ts *testscript.TestScript, neg bool, names []string) {
	s, ctx, held := scriptOf(ts), context.Background(), map[string]bool{}
	store := openFolder(s.daemon.Dir).Store
	seen, err := store.(keychain.Inspector).Inspect(ctx)
	ts.Check(err)
	for _, id := range seen.IDs {
		secret, err := store.Get(ctx, id)
		ts.Check(err)
		held[secret.Reveal()] = true
	}
	for _, name := range names {
		if held[s.marker.Key(name)] == neg {
			ts.Fatalf("key %s in the folder: %v", name, !neg)
		}
	}
}

// lose LABEL deletes an account's key from the keychain without using ocgo-key.
func lose(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lose LABEL")
	}
	var state struct {
		Accounts []struct{ ID, Label string }
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("state/state.json")), &state))
	for _, account := range state.Accounts {
		if account.Label == args[0] && !keychaintest.Installed {
			ts.Check(openFolder(scriptOf(ts).daemon.Dir).Delete(context.Background(), account.ID))
			return
		}
		if account.Label == args[0] {
			tool := exec.Command("secret-tool", "clear", "service", "ocgo-key", "username", account.ID)
			tool.Env = append(os.Environ(), scriptOf(ts).daemon.Env()...)
			ts.Check(tool.Run())
			return
		}
	}
	ts.Fatalf("no account %q", args[0])
}

// keychainCommand STATE selects the keychain that the commands find.
func keychainCommand(ts *testscript.TestScript, neg bool, args []string) {
	modes := map[string]keychaintest.Mode{"unlocked": keychaintest.Unlocked, "locked": keychaintest.Locked,
		"fresh": keychaintest.Fresh, "missing": keychaintest.NoService}
	own := len(args) == 2 && args[0] == "own"
	if own {
		args = args[1:]
	}
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keychain [own] STATE")
	}
	switch mode, ok := modes[args[0]]; {
	case ok && own:
		d, stop, err := keychaintest.Start(mode)
		ts.Check(err)
		ts.Defer(func() { ts.Check(stop()) })
		scriptOf(ts).daemon = d
		for _, pair := range append(d.Env(), "KEYRING_DATA="+filepath.Join(d.Dir, "data")) {
			name, value, _ := strings.Cut(pair, "=")
			ts.Setenv(name, value)
		}
	case ok:
		d, err := keychainIn(mode)
		ts.Check(err)
		ts.Setenv("DBUS_SESSION_BUS_ADDRESS", d.Address)
	case args[0] == "unreachable": // the address of a bus that does not exist
		ts.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+ts.MkAbs("no-such-socket"))
	case args[0] == "silent": // a bus that accepts calls and never answers
		dir, err := os.MkdirTemp("", "ocgo-key-silent-")
		ts.Check(err)
		listener, err := net.Listen("unix", filepath.Join(dir, "bus"))
		ts.Check(err)
		ts.Defer(func() {
			_ = listener.Close()
			_ = os.RemoveAll(dir)
		})
		ts.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(dir, "bus"))
	default:
		ts.Fatalf("no such state %q", args[0])
	}
}
