package completion_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ocgo-key/internal/completion"
)

type grammar struct {
	Quiet bool `short:"q" help:"Less. Really."`
	Count int  `short:"n"`
	Give  struct {
		Name  string   `arg:"" complete:"name"`
		Size  string   `arg:"" optional:"" complete:"size"`
		Kind  string   `enum:"new,old," default:""`
		From  string   `complete:"file"`
		Plain bool     `xor:"how"`
		Fancy bool     `xor:"how"`
		Tags  []string `name:"tag"`
	} `cmd:"" aliases:"g" help:"Give it."`
	Run struct {
		How  string   `enum:"fast,slow" default:"fast"`
		Argv []string `arg:"" optional:"" passthrough:""`
	} `cmd:"" help:"Run it."`
	Many struct {
		Names []string `arg:"" complete:"name"`
	} `cmd:""`
	Sub struct {
		One struct{} `cmd:""`
		Two struct{} `cmd:""`
	} `cmd:""`
	Secret struct{} `cmd:"" hidden:""`
}

func app(t require.TestingT) *kong.Node {
	parser, err := kong.New(new(grammar), kong.Name("x"))
	require.NoError(t, err)
	return parser.Model.Node
}

func names(kind string, before []string) (values []completion.Value, file bool) {
	switch {
	case kind == "size" && slices.Equal(before, []string{"Bob"}):
		return []completion.Value{{"small", ""}, {"large", ""}}, false
	case kind == "size" && slices.Equal(before, []string{"File"}):
		return nil, true
	case kind != "name":
		return nil, false
	}
	return []completion.Value{{"Ann Lee", "a\nfriend"}, {"Bob", ""}, {"no\ttab", ""}, {"", ""}}, false
}

// texts returns a reply as one string.
func texts(r completion.Reply) string {
	switch {
	case r.Command >= 0:
		return "command " + string(rune('0'+r.Command))
	case r.File:
		return "file " + r.Before
	}
	all := make([]string, len(r.Values))
	for i, v := range r.Values {
		all[i] = v.Text
	}
	return strings.Join(all, "|")
}

func TestComplete(t *testing.T) {
	root := app(t)
	const commands, always = "give|run|many|sub", "--help|--quiet|--count"
	for line, want := range map[string]string{
		"":                        commands,
		"gi":                      commands,
		"-q ":                     commands,
		"-n ":                     "",
		"-n 3 ":                   commands,
		"-n3 ":                    commands,
		"-qn ":                    "",
		"-qn 3 ":                  commands,
		"--count ":                "",
		"--count=":                "",
		"--count=3 ":              commands,
		"--quiet=":                "",
		"--unknown ":              commands,
		"-":                       always,
		"--quiet -":               "--help|--count",
		"unknown ":                commands,
		"secret ":                 "",
		"give ":                   "Ann Lee|Bob",
		"g ":                      "Ann Lee|Bob",
		"give Bob ":               "small|large",
		"give File ":              "file ",
		"give Ann ":               "",
		"give Bob x ":             "",
		"give -q Bob ":            "small|large",
		"give -- -":               "Ann Lee|Bob",
		"give -- -q ":             "",
		"give -- Bob ":            "small|large",
		"give --":                 "--kind|--from|--plain|--fancy|--tag|" + always,
		"give --plain --tag a --": "--kind|--from|--tag|" + always,
		"give --from ":            "file ",
		"give --from=":            "file --from=",
		"give --from x ":          "Ann Lee|Bob",
		"run ":                    "command 1",
		"run --":                  "--how|" + always,
		"run --how ":              "fast|slow",
		"run --how=f":             "--how=fast|--how=slow",
		"run --how fast ":         "command 3",
		"run -- ":                 "command 2",
		"run -- ls -":             "command 2",
		"run ls --how ":           "command 1",
		"run --other -":           "command 1",
		"run -o ":                 "command 1",
		"many Bob ":               "Ann Lee|Bob",
		"sub ":                    "one|two",
		"sub one ":                "",
	} {
		assert.Equal(t, want, texts(completion.Complete(root, strings.Split(line, " "), names)), "%q", line)
	}
	assert.Equal(t, commands, texts(completion.Complete(root, nil, names)))
	first := completion.Complete(root, []string{"-"}, names).Values[1]
	assert.Equal(t, completion.Value{"--quiet", "Less"}, first)
}

// Complete has a reply for every input.
func TestAnswersAnything(t *testing.T) {
	root := app(t)
	word := rapid.OneOf(rapid.SampledFrom([]string{"", "-", "--", "=", "give", "run", "-n", "-qn", "--from", "--from=", "-=", "--=", "Ü", "-Ü", "'", `"`, `\`}), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(word).Draw(t, "words")
		for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
			var out strings.Builder
			require.NoError(t, completion.Answer(&out, root, append([]string{shell, "@="}, words...), names))
			first, _, _ := strings.Cut(out.String(), "\n")
			kind, _, _ := strings.Cut(first, " ")
			require.Contains(t, []string{"values", "file", "command"}, kind)
		}
	})
}

// breaks is the default COMP_WORDBREAKS of bash.
const breaks = " \t\n\"'@><=;|&(:"

func TestAnswer(t *testing.T) {
	root := app(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"zsh", "give", "no match"}, "values\nAnn Lee:a friend\nBob\n"},
		{[]string{"zsh", "run", ""}, "command 1\n"},
		{[]string{"fish", "give", "A"}, "values\nAnn Lee\ta friend\nBob\t\n"},
		{[]string{"powershell", "give", "="}, "values\n'Ann Lee'\tAnn Lee\ta friend\nBob\tBob\tBob\n"},
		{[]string{"powershell", "give", "=A"}, "values\n'Ann Lee'\tAnn Lee\ta friend\n"},
		{[]string{"powershell", "give", "='a"}, "values\n'Ann Lee'\tAnn Lee\ta friend\n"},
		{[]string{"powershell", "give", "--from", "="}, "file \n"},
		{[]string{"bash", breaks, "give", ""}, "values\nAnn\\ Lee\nBob\n"},
		{[]string{"bash", breaks, "give", "'Ann L"}, "values\nAnn Lee\n"},
		{[]string{"bash", breaks, "give", "x"}, "values\n"},
		{[]string{"bash", breaks, "run", "--how=s"}, "values\nslow\n"},
		{[]string{"bash", "", "run", "--how=s"}, "values\n--how=slow\n"},
		{[]string{"bash", breaks, "run", `--how="s`}, "values\nslow\n"},
		{[]string{"bash", breaks, "run", `"--how=s`}, "values\n--how=slow\n"},
		{[]string{"bash", breaks, "'give'", `B\o`}, "values\nBob\n"},
	} {
		var out strings.Builder
		require.NoError(t, completion.Answer(&out, root, c.args, names), "%q", c.args)
		assert.Equal(t, c.want, out.String(), "%q", c.args)
	}
	for _, args := range [][]string{nil, {"tcsh", "give"}, {"bash"}} {
		require.Error(t, completion.Answer(new(strings.Builder), root, args, names), "%q", args)
	}
}

// PowerShell is not available here, so this test only checks the form of its script. The scripts of
// internal/cli run the other shells.
func TestScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		script := completion.Script(shell)
		require.Contains(t, script, "__complete "+shell, shell)
		assert.True(t, strings.HasSuffix(script, "\n") && !strings.Contains(script, "\r"), shell)
	}
	assert.Empty(t, completion.Script("tcsh"))

	power := completion.Script("powershell")
	assert.Contains(t, power, "Register-ArgumentCompleter -Native -CommandName 'ocgo-key', 'ocgo-key.exe' -ScriptBlock {")
	assert.Contains(t, power, "[System.Management.Automation.CompletionResult]::new(")
	for _, pair := range []string{"{}", "()", "[]"} {
		assert.Equal(t, strings.Count(power, pair[:1]), strings.Count(power, pair[1:]), pair)
	}
	for i, line := range strings.Split(power, "\n") {
		assert.Less(t, strings.IndexFunc(line, func(r rune) bool { return r > 0x7e }), 0, "line %d: Windows PowerShell reads a file without a mark as ANSI", i+1)
	}
}
