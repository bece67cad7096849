package opencode

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func parse2(t *testing.T, line string) Command2 {
	t.Helper()
	c, err := Parse2(strings.Fields(line), func(path string) bool { return path == "project" })
	require.NoError(t, err)
	return c
}

func TestParse2(t *testing.T) {
	for line, want := range map[string]struct {
		way  Way
		kind Kind
		args string // with --server U, or with --standalone
	}{
		"":                                   {Joined, TUI, "--server U"},
		"project --standalone":               {Joined, TUI, "--server U project"},
		"--auto -s ses_1 project":            {Joined, TUI, "--server U --auto -s ses_1 project"},
		"run say hi":                         {Joined, Run, "run --server U say hi"},
		"run --standalone --standalone hi":   {Joined, Run, "run --server U hi"},
		"--log-level error run hi":           {Joined, Run, "run --server U --log-level error hi"},
		"run --title --standalone hi":        {Joined, Run, "run --server U --title --standalone hi"},
		"run -m a/b -- --standalone":         {Joined, Run, "run --server U -m a/b -- --standalone"},
		"run serve --format=json":            {Joined, Run, "run --server U serve --format=json"},
		"mini --prompt run":                  {Joined, TUI, "mini --server U --prompt run"},
		"acp":                                {Alone, Other, ""},
		"serve --port 4096":                  {Alone, Other, ""},
		"serve --service":                    {Apart, Other, ""},
		"models --standalone":                {Standalone, Other, "models --standalone"},
		"api GET /api/info -d {}":            {Standalone, Other, "api --standalone GET /api/info -d {}"},
		"auth list --format json":            {Standalone, Other, "auth list --standalone --format json"},
		"--print-logs session delete ses_1":  {Standalone, Other, "session delete --standalone --print-logs ses_1"},
		"stats --project --standalone":       {Standalone, Other, "stats --standalone --project --standalone"},
		"reload":                             {Standalone, Other, "reload --standalone"},
		"auth":                               {Apart, Other, ""},
		"run --help":                         {Apart, Other, ""},
		"--version":                          {Apart, Other, ""},
		"plugin list":                        {Apart, Other, ""},
		"mcp list":                           {Apart, Other, ""},
		"debug config":                       {Apart, Other, ""},
		"service start":                      {Apart, Other, ""},
		"pair":                               {Apart, Other, ""},
		"upgrade -m npm":                     {Apart, Other, ""},
		"a-subcommand-of-a-later-version -x": {Apart, Other, ""},
	} {
		c := parse2(t, line)
		assert.Equal(t, want.way, c.Way, line)
		assert.Equal(t, want.kind, c.Kind, line)
		switch want.way {
		case Joined:
			assert.Equal(t, want.args, strings.Join(c.Join("U"), " "), line)
		case Standalone:
			assert.Equal(t, want.args, strings.Join(c.Standalone(), " "), line)
		}
	}
}

func TestParse2RefusesAnotherServer(t *testing.T) {
	for _, line := range []string{"--server http://127.0.0.1:1", "run --server=http://127.0.0.1:1 hi", "models --server x", "mini -c --server x"} {
		_, err := Parse2(strings.Fields(line), func(string) bool { return false })
		assert.ErrorIs(t, err, ErrServer, line)
	}
	parse2(t, "run -- --server x") // after "--", the words are a prompt
}

func TestParse2Joins(t *testing.T) {
	for line, joins := range map[string]bool{"run -c hi": true, "run --session ses_1 hi": true, "run --session=ses_1 hi": true,
		"run -c --fork hi": false, "run hi": false, "run -- -c": false} {
		assert.Equal(t, joins, parse2(t, line).Joins, line)
	}
}

// The user's options for the first invocation apply to the second, except for the prompt and
// options about it.
func TestResume2(t *testing.T) {
	c := parse2(t, "--print-logs run --standalone -m opencode-go/kimi-k2.6 --auto -c --fork --title T -f notes.txt --format json do the work -- and more")
	assert.Equal(t, "run|--server|U|--print-logs|-m|opencode-go/kimi-k2.6|--auto|--format|json|--session|ses_1|Go on.",
		strings.Join(c.Resume("U", "ses_1", "Go on."), "|"))
	assert.Equal(t, []string{"--print-logs"}, c.Logs)
	assert.False(t, slices.Contains(c.Join("U"), "--standalone"))
}

// A folder with the name of a subcommand is not a project: OpenCode itself treats the word as the
// subcommand.
func TestParse2SubcommandsAreNoFolders(t *testing.T) {
	everywhere := func(string) bool { return true }
	for _, word := range []string{"upgrade", "update", "uninstall", "debug", "mcp", "plugin", "service", "pair"} {
		c, err := Parse2([]string{word, "list"}, everywhere)
		require.NoError(t, err)
		assert.Equal(t, Apart, c.Way, word)
		assert.Equal(t, word, c.Name)
	}
	c, err := Parse2([]string{"./mcp"}, everywhere)
	require.NoError(t, err)
	assert.Equal(t, "--server U ./mcp", strings.Join(c.Join("U"), " "))
}

func FuzzParse2(f *testing.F) {
	f.Add("run --standalone -m a/b hi")
	f.Add("auth --server= list -- x")
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		c, err := Parse2(args, func(string) bool { return true })
		if err != nil {
			return
		}
		// Nothing that the user typed is lost, except --standalone.
		bare := slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return strings.HasPrefix(arg, "--standalone") })
		joined := slices.DeleteFunc(c.Join("U"), func(arg string) bool { return strings.HasPrefix(arg, "--standalone") })
		if len(joined) != len(bare)+2 {
			t.Errorf("%q became %q", args, joined)
		}
	})
}
