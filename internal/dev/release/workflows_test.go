package release

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// publisher is the only workflow that may write and that gets secrets. It runs only on tags.
const publisher = "release.yml"

type workflow struct {
	On          any
	Permissions any
	Concurrency any
	Jobs        map[string]job
}

type job struct {
	Permissions map[string]string
	Timeout     int    `yaml:"timeout-minutes"`
	Secrets     any    // the name of a reusable workflow
	Uses        string // likewise
	Steps       []struct{ Run, Uses string }
}

var (
	pinned   = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	usesLine = regexp.MustCompile(`(?m)^[ \t-]*uses:[ \t]*(\S+)(.*)$`)
	release  = regexp.MustCompile(`^ # v\d+\.\d+\.\d+$`)
	makeCall = regexp.MustCompile(`\bmake((?:[ \t]+[\w.=$"{}/:-]+)+)`)
	target   = regexp.MustCompile(`(?m)^([a-z][\w-]*):(?:[^=]|$)`)
	secret   = regexp.MustCompile(`\$\{\{[^}]*\b(secrets|github\.token)\b`)
	risky    = regexp.MustCompile(`\b(pull_request_target|workflow_run|issue_comment)\b`)
	// The value of an expression can contain text from strangers, and the shell would run it.
	expression = regexp.MustCompile(`\$\{\{`)
)

// faults returns the violations of the rules.
func faults(name, text string, targets []string) []string {
	var found []string
	fault := func(format string, args ...any) {
		found = append(found, name+": "+fmt.Sprintf(format, args...))
	}
	var w workflow
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		fault("%v", err)
		return found
	}
	if p, _ := w.Permissions.(map[string]any); len(p) != 1 || p["contents"] != "read" {
		fault("its permissions must be contents: read")
	}
	if w.Concurrency == nil {
		fault("it has no concurrency")
	}
	if risky.MatchString(fmt.Sprint(w.On)) {
		fault("its trigger runs a stranger's code with access to secrets")
	}
	if name != publisher && secret.MatchString(text) {
		fault("it has a secret")
	}
	for _, m := range usesLine.FindAllStringSubmatch(text, -1) {
		if !pinned.MatchString(m[1]) || !release.MatchString(m[2]) {
			fault("%s is not pinned by a commit and followed by its version", m[1])
		}
	}
	if len(w.Jobs) == 0 {
		fault("it has no job")
	}
	for id, j := range w.Jobs {
		if j.Timeout == 0 {
			fault("%s has no timeout", id)
		}
		if name != publisher && len(j.Permissions) > 0 {
			fault("%s has its own permissions", id)
		}
		if j.Uses != "" || j.Secrets != nil {
			fault("%s calls another workflow", id)
		}
		for _, s := range j.Steps {
			if s.Run == "" {
				continue
			}
			if expression.MatchString(s.Run) {
				fault("%s puts an expression into a command line: %s", id, s.Run)
			}
			for _, line := range strings.Split(s.Run, "\n") {
				if first, _, _ := strings.Cut(strings.TrimSpace(line), " "); slices.Contains([]string{"go", "npm", "npx", "curl"}, first) {
					fault("%s runs %s instead of a target of the Makefile", id, first)
				}
			}
			for _, m := range makeCall.FindAllStringSubmatch(s.Run, -1) {
				for _, word := range strings.Fields(m[1]) {
					if !strings.Contains(word, "=") && !slices.Contains(targets, word) {
						fault("%s: the Makefile has no %s", id, word)
					}
				}
			}
		}
	}
	return found
}

func targets(t *testing.T) []string {
	t.Helper()
	makefile, err := os.ReadFile(filepath.Join("..", "..", "..", "Makefile"))
	require.NoError(t, err)
	var names []string
	for _, m := range target.FindAllStringSubmatch(string(makefile), -1) {
		names = append(names, m[1])
	}
	require.Contains(t, names, "test")
	return names
}

func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "..", ".github", "workflows", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	actions := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, fault := range faults(filepath.Base(file), string(text), targets(t)) {
			t.Error(fault)
		}
		for _, m := range usesLine.FindAllStringSubmatch(string(text), -1) {
			action, _, _ := strings.Cut(m[1], "@")
			if other, ok := actions[action]; ok {
				assert.Equal(t, other, m[1]+m[2], "one action, one version")
			}
			actions[action] = m[1] + m[2]
		}
	}
}

// .ci/run uses only targets that the Makefile has.
func TestGateNamesTargets(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", ".ci", "run"))
	require.NoError(t, err)
	calls := makeCall.FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, calls)
	for _, m := range calls {
		for _, word := range strings.Fields(m[1]) {
			assert.Contains(t, targets(t), word)
		}
	}
}

const good = `
on: push
permissions:
  contents: read
concurrency: one
jobs:
  a:
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@0123456789012345678901234567890123456789 # v1.2.3
      - run: make test FUZZTIME=1s
`

func TestBreachesAreSeen(t *testing.T) {
	known := []string{"test"}
	assert.Empty(t, faults("ci.yml", good, known))
	for what, change := range map[string][2]string{
		"a branch":               {"0123456789012345678901234567890123456789", "v1"},
		"no version":             {" # v1.2.3", ""},
		"a half version":         {"# v1.2.3", "# v1"},
		"writes":                 {"contents: read", "contents: write"},
		"more":                   {"contents: read", "contents: read\n  packages: read"},
		"all":                    {"permissions:\n  contents: read", "permissions: read-all"},
		"a job that writes":      {"timeout-minutes: 5", "timeout-minutes: 5\n    permissions: {contents: write}"},
		"no concurrency":         {"concurrency: one", ""},
		"no timeout":             {"timeout-minutes: 5", "runs-on: x"},
		"a stranger's code":      {"on: push", "on: {pull_request_target: {}}"},
		"a secret":               {"FUZZTIME=1s", "\n        env: {X: \"${{ secrets.X }}\"}"},
		"a target that is not":   {"make test", "make tests"},
		"the second target":      {"make test", "make test tests"},
		"past the Makefile":      {"make test", "go test"},
		"somebody's words":       {"FUZZTIME=1s", "T=${{ github.head_ref }}"},
		"another workflow":       {"timeout-minutes: 5", "timeout-minutes: 5\n    secrets: inherit"},
		"no job":                 {"jobs:\n", "jobs: {}\nx:\n"},
		"a container by its tag": {"actions/checkout@0123456789012345678901234567890123456789", "docker://alpine:3"},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		require.NotEqual(t, good, bad, what)
		assert.NotEmpty(t, faults("ci.yml", bad, known), what)
	}
	writing := strings.Replace(good, "timeout-minutes: 5", "timeout-minutes: 5\n    permissions: {contents: write}", 1)
	assert.Empty(t, faults(publisher, writing, known))
}
