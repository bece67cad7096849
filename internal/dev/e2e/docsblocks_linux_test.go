package e2e

import (
	"os"
	"path/filepath"

	"github.com/stretchr/testify/require"

	"ocgo-key/keychain/keychaintest"
)

// special describes what a block needs to run. Most blocks have the zero value.
type special struct {
	notRun       string            // why this block is not run, and which test runs its commands
	alternatives bool              // each line is run separately
	emptyPool    bool              // there are no accounts
	instead      map[string]string // replacements for words that the reader has to replace
	before       string            // commands to run first: what the text around the block assumes
	files        map[string]string // files in the folder where the commands run
	prepare      func(*world) *world
	printsKeys   bool   // stdout is expected to hold keys; the block runs without a terminal
	format       string // the text on each line of stdout, if the line is not just a key
	environKey   bool   // a command has --env-key
	args         []string
	stdin        string
	typed        map[string]string // answers to questions on the screen
	code         int               // at the end
}

// withPass returns the world with a password store that contains two keys.
func (of machine) withPass() *world {
	w := of.w
	w.t.Helper()
	store := keychaintest.StartPasswordStore(w.t)
	other := w.with(store.Env()...)
	for entry, label := range map[string]string{"opencode/work": "Work", "opencode/all": "Personal"} {
		other.command("pass", "insert", "--multiline", entry).reads(w.marker.Key(label) + "\n").run().ok()
	}
	return other
}

// withoutService keeps the real service's address for commands that send no request.
func withoutService(w *world) *world {
	return w.with("OCGO_KEY_BASE_URL=https://opencode.ai/zen/go/v1")
}

// agent is a program that reads the address and the key of its service from two variables, and asks
// the service for its models.
func agent(url, key string) string {
	return "#!/bin/sh\nprintf 'header = \"Authorization: Bearer %s\"\\n' \"$" + key + "\" | curl -sSf -K - \"$" + url + "/models\" | grep -q kimi-k2.6\n"
}

// otherClients are programs with the names of the clients that `run` knows.
var otherClients = map[string]string{
	"bin/claude": agent("ANTHROPIC_BASE_URL/v1", "ANTHROPIC_AUTH_TOKEN"),
	"bin/codex":  agent("OPENCODE_BASE_URL", "OPENCODE_API_KEY"),
	"bin/pi":     agent("OPENCODE_BASE_URL", "OPENCODE_API_KEY"),
	"bin/qwen":   agent("OPENAI_BASE_URL", "OPENAI_API_KEY"),
	"bin/kilo":   agent("OPENCODE_BASE_URL", "OPENCODE_API_KEY"),
}

// gatewayAlone starts a gateway, and sets its address and token.
const gatewayAlone = `mkfifo ready; ocgo-key gateway --port 0 >ready &
		read -r line <ready; token=$(jq -r .token <<<"$line"); base=$(jq -r .base_url <<<"$line")`

const madeByTests = "the tests build and install it themselves, and .ci/run is the two commands of the README"

// shownSpecially holds the blocks with special needs, by page and first words.
var shownSpecially = map[string]special{
	"README.md: make demo":             {notRun: madeByTests},
	"README.md: make build":            {notRun: madeByTests},
	"CONTRIBUTING.md: make build":      {notRun: madeByTests},
	"RELEASING.md: make test":          {notRun: madeByTests},
	"RELEASING.md: make test-packages": {notRun: "internal/dev/release makes the packages twice, and needs minutes"},
	"RELEASING.md: git tag":            {notRun: "it publishes"},
	"RELEASING.md: git clone":          {notRun: "it needs a release; internal/dev/release compares two builds"},
	"reference.md: eval":               {notRun: "each line is for another shell; TestTab in internal/cli loads them in bash, zsh and fish"},

	"README.md: ocgo-key uninstall": {instead: map[string]string{"LABEL": "Work"},
		before: "mkdir -p ~/.local/bin && cp -s $(command -v ocgo-key) ~/.local/bin/"},

	"gateway.md: ocgo-key run -- sh -c 'OPENAI_BASE_URL": {files: map[string]string{"client.mjs": `
		const answer = await fetch(process.env.OPENAI_BASE_URL + "/models", {headers: {authorization: "Bearer " + process.env.OPENAI_API_KEY}});
		if (!answer.ok) throw new Error(answer.status);`}},
	"gateway.md: export ANTHROPIC": {files: otherClients, before: gatewayAlone,
		instead: map[string]string{"http://127.0.0.1:8421/zen/go": "${base%/v1}", "ocgo-…": "$token"}},
	"gateway.md: printf": {before: gatewayAlone,
		instead: map[string]string{"http://127.0.0.1:8421/zen/go/v1": "$base"}},
	"gateway.md: ocgo-key run -- claude":            {files: otherClients},
	"reference.md: ocgo-key run\n":                  {files: otherClients},
	"gateway.md: ocgo-key run -- sh -c '\n  OPENAI": {files: map[string]string{"bin/aider": agent("OPENAI_API_BASE", "OPENAI_API_KEY")}},
	"gateway.md: ocgo-key gateway --port 8421":      {instead: map[string]string{"ocgo-key gateway --port 8421": "timeout --foreground --signal INT 2 ocgo-key gateway --port 0"}, code: 124},
	"reference.md: ocgo-key gateway --port 8421":    {instead: map[string]string{"ocgo-key gateway --port 8421": "timeout --foreground --signal INT 2 ocgo-key gateway --port 0"}, code: 124},

	"guide.md: bash -c":                     {printsKeys: true},
	"guide.md: ocgo-key run --env-key":      {instead: map[string]string{"COMMAND": "true"}, environKey: true},
	"guide.md: ocgo-key rotate --status":    {before: "ocgo-key get >/dev/null; echo '{}' >body.json"},
	"reference.md: ocgo-key rotate":         {before: "ocgo-key get >/dev/null; echo '{}' >body.json", instead: map[string]string{"4711": "$$"}},
	"reference.md: ocgo-key use":            {instead: map[string]string{"4711": "$$"}},
	"reference.md: ocgo-key add":            {alternatives: true},
	"reference.md: ocgo-key install":        {alternatives: true},
	"reference.md: ocgo-key import":         {alternatives: true, prepare: withStoredLogin},
	"import.md: ocgo-key import":            {prepare: withStoredLogin},
	"reference.md: printf":                  {before: "git init -q"},
	"reference.md: git config":              {before: "git init -q"},
	"reference.md: age-keygen":              {before: "mkdir -p ~/.config"},
	"reference.md: secret-tool":             {printsKeys: true, before: "ID=$(ocgo-key list --json | jq -r '.accounts[0].id')", instead: map[string]string{"username ID": "username $ID"}},
	"helper.md: ocgo-key get --pid $$":      {printsKeys: true},
	"helper.md: ocgo-key rotate":            {before: "ocgo-key get >/dev/null"},
	"helper.md: #!/bin/sh\nexport OCGO_KEY": {printsKeys: true, emptyPool: true, prepare: withPoolOfMine},
	"helper.md: #!/bin/sh\nkey=":            {instead: map[string]string{`"$1"`: "$$"}},
	"helper.md: git config --global credential.https://opencode.ai.helper '!ocgo-key get --format git'\n": {prepare: withoutService},
	"helper.md: printf 'protocol": {prepare: withoutService, printsKeys: true, format: "=",
		before: "git config --global credential.https://opencode.ai.helper '!ocgo-key get --format git'; git config --global credential.https://opencode.ai.username key"},
	"helper.md: #!/bin/sh\nexec ocgo-key get --format engflow": {prepare: withoutService, printsKeys: true, format: "Bearer ",
		args: []string{"get"}, stdin: `{"uri":"https://opencode.ai/zen/go/v1"}`},
	"helper.md: ocgo-key get --format json": {instead: map[string]string{"curl -sS -K - …": `curl -sSf -K - "$OCGO_KEY_BASE_URL/models"`}},
	"helper.md: npx":                        {printsKeys: true, files: map[string]string{"package.json": `{"scripts": {"key": "ocgo-key get"}}`}},
	"helper.md: ocgo-key get | sudo": {files: map[string]string{"bin/sudo": "#!/bin/sh\nexec \"$@\"\n",
		"bin/some-program": "#!/bin/sh\ngrep -q ^sk-\n"}},

	"packages.md: sha256sum":         {before: "echo program >ocgo-key.tar.gz; sha256sum ocgo-key.tar.gz >checksums.txt; echo 00 missing.tar.gz >>checksums.txt"},
	"platforms.md: dbus-run-session": {typed: map[string]string{"Keyring password:": "password\nexit\n"}},
}

// withStoredLogin adds a login in OpenCode's plain file.
func withStoredLogin(w *world) *world {
	w.t.Helper()
	file := filepath.Join(w.home, ".local/share/opencode/auth.json")
	require.NoError(w.t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(w.t, os.WriteFile(file, []byte(`{"opencode-go":{"type":"api","key":"`+w.marker.Key("Spare")+`"}}`), 0o600))
	w.t.Cleanup(func() { _ = os.Remove(file) }) // an import without --scrub leaves the file
	return w
}

// withPoolOfMine adds accounts to the pool in the state folder that the block uses.
func withPoolOfMine(w *world) *world {
	w.t.Helper()
	w.with("OCGO_KEY_STATE_DIR=" + w.home + "/.pool-of-mine").add(labels...)
	return w
}
