package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// These tests use the settings of docs/helper.md with the programs that they are for.

// callers returns a world with all accounts. It fails the test if one of the programs is missing.
func callers(t *testing.T, programs ...string) *world {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%s is not installed: `make test` installs it as root on Debian; else install it", name)
		}
	}
	w := newWorld(t).with(
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "SSH_ASKPASS=",
		"npm_config_update_notifier=false", "npm_config_offline=true", "npm_config_loglevel=error",
		"MAKEFLAGS=", "PS1=$ ",
	)
	w.add(labels...)
	return w
}

// file writes a file into the project's folder, where commands run.
func (of machine) file(name, text string, mode os.FileMode) string {
	w := of.w
	w.t.Helper()
	path := filepath.Join(filepath.Dir(w.home), "project", name)
	require.NoError(w.t, os.WriteFile(path, []byte(text), mode))
	return path
}

// gets runs a command that prints only keys, and compares the names of the keys with want.
func (of machine) gets(want []string, name string, args ...string) {
	w := of.w
	w.t.Helper()
	c := w.command(name, args...).prints().run().ok()
	assert.Equal(w.t, want, w.keysOf(c.stdout.String()), "%s %s", name, strings.Join(args, " "))
	assert.Empty(w.t, c.stderr.String())
}

// filled returns the names of the keys that `git credential fill` printed as passwords. It checks
// the rest of the output too.
func (of machine) filled(c *command) []string {
	w := of.w
	w.t.Helper()
	var passwords string
	for line := range strings.Lines(c.ok().stdout.String()) {
		if text, ok := strings.CutPrefix(line, "password="); ok {
			passwords += text
			continue
		}
		assert.Contains(w.t, []string{"protocol=https\n", "host=opencode.ai\n", "username=key\n"}, line)
	}
	return w.keysOf(passwords)
}

const gitRequest = "protocol=https\nhost=opencode.ai\n\n"

func TestGitAsks(t *testing.T) {
	t.Parallel()
	w := callers(t, "git", "ps")
	w.command("git", "config", "--global", "credential.https://opencode.ai.helper", "!ocgo-key get --format git").run().ok()
	w.command("git", "config", "--global", "credential.https://opencode.ai.username", "key").run().ok()

	// Each git process is a separate caller.
	for _, want := range labels[:2] {
		c := w.command("git", "credential", "fill").prints().reads(gitRequest).run()
		assert.Equal(t, []string{want}, w.filled(c))
		assert.Empty(t, c.stderr.String())
		assert.Equal(t, 4, strings.Count(c.stdout.String(), "\n"))
		// git reports to its helpers whether the password worked. ocgo-key ignores these reports.
		for _, action := range []string{"approve", "reject"} {
			told := w.command("git", "credential", action).reads(c.stdout.String()).run().ok()
			assert.Empty(t, told.stdout.String()+told.stderr.String(), action)
		}
	}

	// The caller is the process that started git: this test. It has not asked for a key before.
	for range 2 {
		c := w.command("git", "-c", "credential.https://opencode.ai.helper=",
			"-c", "credential.https://opencode.ai.helper=!ocgo-key get --format git --pid $(ps -o ppid= -p $PPID)",
			"credential", "fill").prints().reads(gitRequest).run()
		assert.Equal(t, []string{"Spare"}, w.filled(c))
	}

	// If the helper is configured for one host, git does not ask it about another host.
	c := w.command("git", "credential", "fill").reads("protocol=https\nhost=example.com\n\n").run()
	assert.Equal(t, 128, c.code())
	assert.Empty(t, c.stdout.String())
	assert.NotContains(t, c.stderr.String(), "ocgo-key")
	// If the helper is configured for all hosts, git asks it, and the helper refuses.
	c = w.command("git", "-c", "credential.helper=!ocgo-key get --format git", "credential", "fill").
		reads("protocol=https\nhost=example.com\n\n").run()
	assert.Equal(t, 128, c.code())
	assert.Empty(t, c.stdout.String())
	assert.Contains(t, c.stderr.String(), "ocgo-key: git asked for a credential for another host")
}

// git asks its helpers in turn until one returns a user name. So one git process asks for a key
// three times, and gets the same key each time.
func TestOneGitAsksTwice(t *testing.T) {
	t.Parallel()
	w := callers(t, "git")
	const helper = "credential.https://opencode.ai.helper="
	c := w.command("git",
		"-c", helper+"!ocgo-key get --format git",
		"-c", helper+"!ocgo-key get --format git --pid $PPID",
		"-c", helper+"!ocgo-key get --format git",
		"-c", helper+"!printf 'username=key\\n' #",
		"credential", "fill").prints().reads(gitRequest).run()
	assert.Equal(t, []string{"Work"}, w.filled(c))
	w.gets([]string{"Personal"}, "ocgo-key", "get") // the three requests used one account
}

// keyHelper is a program with a setting like apiKeyHelper: it runs the text of the setting in a
// shell, more than once, and prints the results.
const keyHelper = `
const { execSync } = require("node:child_process");
const { readFileSync } = require("node:fs");
const { apiKeyHelper } = JSON.parse(readFileSync(process.argv[2], "utf8"));
for (let i = 0; i < 3; i++) {
  const key = execSync(apiKeyHelper, { stdio: ["ignore", "pipe", "inherit"] }).toString().trim();
  process.stdout.write(key + "\n");
}
`

func TestKeyHelperSetting(t *testing.T) {
	t.Parallel()
	w := callers(t, "node")
	program := w.file("program.cjs", keyHelper, 0o600)
	wrapper := w.file("wrapper", "#!/bin/sh\nexport NAME=value\nexec ocgo-key get\n", 0o700)
	careless := w.file("careless", "#!/bin/sh\nexport NAME=value\nocgo-key get\n", 0o700)
	named := w.file("named", "#!/bin/sh\nkey=$(ocgo-key get --pid \"$1\")\nprintf '%s\\n' \"$key\"\n", 0o700)
	settings := func(helper string) string {
		text, err := json.Marshal(map[string]string{"apiKeyHelper": helper})
		require.NoError(t, err)
		return w.file("settings.json", string(text), 0o600)
	}
	same := func(label string) []string { return []string{label, label, label} }

	w.gets(same("Work"), "node", program, settings("ocgo-key get"))
	w.gets(same("Personal"), "node", program, settings("ocgo-key get"))
	w.gets(same("Spare"), "node", program, settings("ocgo-key get 2>/dev/null | cat"))
	// The first wrapper replaces itself by exec; the second one needs --pid. In the shell of the
	// setting, $PPID is the program.
	w.gets(same("Work"), "node", program, settings(wrapper))
	w.gets(same("Personal"), "node", program, settings(named+" $PPID"))
	w.gets(same("Spare"), "node", program, settings("cd / && ocgo-key get --pid $PPID"))
	// The shell of this wrapper keeps running, so each of these shells is a new caller.
	w.gets([]string{"Work", "Personal", "Spare"}, "node", program, settings(careless))
}

// A script passes the key to curl on standard input. Each script sends the key of one
// account. During the request the key is in no command line and no environment.
func TestCurlInAScript(t *testing.T) {
	t.Parallel()
	w := callers(t, "curl", "jq")
	const send = ` | curl -sS --fail -o /dev/null -K - -H 'Content-Type: application/json' -H "x-opencode-session: script-$$" ` +
		`-d '{"model":"kimi-k2.6","messages":[{"role":"user","content":"say hi"}]}' "$OCGO_KEY_BASE_URL/chat/completions"` + "\n"
	plain := `printf 'header = "Authorization: Bearer %s"\n' "$(ocgo-key get)"` + send
	document := `ocgo-key get --format json | jq -r '"header = \"Authorization: Bearer \(.key)\""'` + send
	script := w.file("ask-three-times", "#!/bin/sh\nset -eu\n"+plain+plain+document, 0o700)
	for _, label := range labels {
		w.service.ClearRequests()
		c := w.command(script).run().ok()
		assert.Empty(t, c.stdout.String()+c.stderr.String())
		assert.Equal(t, []string{label, label, label}, w.asked())
		for _, r := range w.turns() {
			assert.Equal(t, "bearer", r.AuthHeader)
			assert.Equal(t, 200, r.Status)
		}
	}
}

// After a script has reported a refusal, it gets the next account.
func TestScriptSaysThatItWasRefused(t *testing.T) {
	t.Parallel()
	w := callers(t)
	script := w.file("ask", "ocgo-key get\nocgo-key rotate --status 429 --retry-after 600 </dev/null >&2\nocgo-key get\nocgo-key get\n", 0o600)
	c := w.command("sh", script).prints().run().ok()
	assert.Equal(t, []string{"Work", "Personal", "Personal"}, w.keysOf(c.stdout.String()))
	assert.Contains(t, c.stderr.String(), "Work -> Personal\n")
}

func TestJSONWithJQ(t *testing.T) {
	t.Parallel()
	w := callers(t, "jq")
	w.gets([]string{"Work", "Work"}, "sh", "-c", "ocgo-key get --format json | jq -r .key; ocgo-key --json get | jq -r .key; :")
	c := w.command("sh", "-c", "ocgo-key get --format json | jq -c 'del(.key)'; :").run().ok()
	assert.JSONEq(t, `{"version":1,"account":"Personal","expires":null}`, c.stdout.String())
}

// credentialHelper starts its helper as Bazel does: the only argument is "get", the request is on
// standard input, and there is one answer for each URI.
const credentialHelper = `
const { execFileSync } = require("node:child_process");
for (const path of ["/models", "/chat/completions"]) {
  const input = JSON.stringify({ uri: process.env.OCGO_KEY_BASE_URL + path });
  const answer = execFileSync(process.argv[2], ["get"], { input });
  const { headers } = JSON.parse(answer);
  if (Object.keys(headers).join() !== "Authorization" || headers.Authorization.length !== 1) throw new Error("not the headers");
  process.stdout.write(headers.Authorization[0].replace(/^Bearer /, "") + "\n");
}
`

func TestCredentialHelperOfBuildTools(t *testing.T) {
	t.Parallel()
	w := callers(t, "node")
	program := w.file("build.cjs", credentialHelper, 0o600)
	helper := w.file("ocgo-credentials", "#!/bin/sh\nexec ocgo-key get --format engflow \"$@\"\n", 0o700)
	w.gets([]string{"Work", "Work"}, "node", program, helper)
	w.gets([]string{"Personal", "Personal"}, "node", program, helper)
}

// A program that only starts another one, such as env, is not the caller. The script is.
func TestLaunchersBetween(t *testing.T) {
	t.Parallel()
	w := callers(t, "npx", "npm", "setpriv", "timeout", "bash")
	w.file("package.json", `{"name":"project","version":"1.0.0","scripts":{"key":"ocgo-key get"}}`, 0o600)
	lines := []string{
		"ocgo-key get",
		"sh -c 'ocgo-key get'",
		"bash -c 'ocgo-key get'",
		"env -u NAME NAME=value ocgo-key get",
		"env sh -c 'exec ocgo-key get'",
		"timeout 60 nice ocgo-key get",
		"setpriv --no-new-privs ocgo-key get",
		"npx -c 'ocgo-key get'",
		"npm exec -c 'ocgo-key get'",
		"npm run --silent key",
		"(ocgo-key get)",
	}
	script := w.file("script", "set -eu\n"+strings.Join(lines, "\n")+"\n", 0o600)
	for _, label := range labels[:2] {
		want := make([]string, len(lines))
		for i := range want {
			want[i] = label
		}
		w.gets(want, "sh", script)
	}
	// A program that npx starts is the caller; npx is not.
	w.file("program.cjs", keyHelper, 0o600)
	w.file("settings.json", `{"apiKeyHelper":"ocgo-key get"}`, 0o600)
	w.gets([]string{"Spare", "Spare", "Spare", "Work", "Work", "Work"}, "sh", "-c",
		"npx -c 'node program.cjs settings.json'; npx -c 'node program.cjs settings.json'; :")
}

// For a task of one or more lines, the task runner is the caller. If a task is a script, the script
// is the caller.
func TestTaskRunner(t *testing.T) {
	t.Parallel()
	w := callers(t, "make")
	w.file("script", "ocgo-key get\nocgo-key get\n", 0o600)
	w.file("Makefile", `
all: plain substituted
plain:
	@ocgo-key get
	@sh -c 'ocgo-key get'
substituted:
	@key=$$(ocgo-key get --pid $$PPID) && printf '%s\n' "$$key"
	@key=$$(ocgo-key get --pid $$PPID) && printf '%s\n' "$$key"
own:
	@sh script
	@sh script
	@ocgo-key get
`, 0o600)
	w.gets([]string{"Work", "Work", "Work", "Work"}, "make")
	w.gets([]string{"Personal", "Personal", "Personal", "Personal"}, "make")
	w.gets([]string{"Spare", "Spare", "Work", "Work", "Personal"}, "make", "own")
}

// The shells of two panes ask alternately: each has its own account and keeps it. The keys go to
// the service and are not shown on the screen.
func TestPanes(t *testing.T) {
	t.Parallel()
	w := callers(t, "tmux", "curl", "jq")
	rc := w.file("rc", `ask() { printf 'header = "Authorization: Bearer %s"\n' "$(ocgo-key get)" |
	curl -sS --fail -o /dev/null -K - "$OCGO_KEY_BASE_URL/models" && ocgo-key get --format json | jq -r '"has " + .account'; }
`, 0o600)
	w = w.with("ENV="+rc, "SHELL=/bin/sh")
	s := w.tmux("sh -i")
	s.do("split-window", "-d", "sh -i")
	for i, pane := range []string{":.0", ":.1", ":.0", ":.1"} {
		label := labels[i%2]
		s.do("send-keys", "-t", pane, "ask", "Enter")
		require.Eventually(t, func() bool {
			return strings.Count(s.do("capture-pane", "-p", "-t", pane), "has "+label) == i/2+1
		}, patience, 4*pause, "pane %s does not have %s", pane, label)
	}
	assert.Equal(t, []string{"Work", "Personal", "Work", "Personal"}, w.asked())
	w.leaks(w.marker.Text("the other pane", []byte(s.do("capture-pane", "-p", "-t", ":.1"))))
	assert.Len(t, w.held(), 2)

	// If a pane runs one command without a shell, the tmux server is the caller. So all panes of
	// this kind share one account.
	for i := range 2 {
		s.do("split-window", "-d", `printf 'header = "Authorization: Bearer %s"\n' "$(ocgo-key get)" | `+
			`curl -sS --fail -o /dev/null -K - "$OCGO_KEY_BASE_URL/models"`)
		require.Eventually(t, func() bool { return len(w.asked()) == 5+i }, patience, pause)
	}
	assert.Equal(t, []string{"Spare", "Spare"}, w.asked()[4:])
}
