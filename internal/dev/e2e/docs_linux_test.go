package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"ocgo-key/internal/dev/keyleak"
	"ocgo-key/keychain/keychaintest"
)

// A block holds the commands that a page shows between ```sh and ```.
type block struct {
	page string
	line int // the line number of its first command, from 1
	text string
}

var fenced = regexp.MustCompile("(?ms)^( *)```sh\n(.*?)^ *```$")

// blocks returns the blocks of all pages.
func blocks(t *testing.T) []block {
	t.Helper()
	pages, err := filepath.Glob("../../../docs/*.md")
	require.NoError(t, err)
	var found []block
	for _, page := range append(pages, "../../../README.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, at := range fenced.FindAllStringSubmatchIndex(string(text), -1) {
			commands := string(text[at[4]:at[5]])
			if indent := string(text[at[2]:at[3]]); indent != "" {
				commands = regexp.MustCompile(`(?m)^`+indent).ReplaceAllString(commands, "")
			}
			found = append(found, block{filepath.Base(page), 1 + strings.Count(string(text[:at[4]]), "\n"), commands})
		}
	}
	return found
}

// Bash on a terminal runs every command of the pages as it is written, for a user who has three
// accounts or adds them. The stand-in's address replaces the address of the service. shownSpecially
// lists the blocks that need more, and says why a few blocks are not run.
func TestDocs(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	all := blocks(t)
	require.Greater(t, len(all), 50)
	for _, b := range all {
		how := special{}
		for start, one := range shownSpecially {
			if page, first, _ := strings.Cut(start, ": "); page == b.page && strings.HasPrefix(b.text, first) {
				how, used[start] = one, true
			}
		}
		if how.notRun != "" {
			continue
		}
		commands := []string{b.text}
		if how.alternatives {
			commands = strings.Split(strings.TrimSuffix(b.text, "\n"), "\n")
		}
		for i, text := range commands {
			t.Run(fmt.Sprintf("%s:%d", b.page, b.line+i), func(t *testing.T) {
				t.Parallel()
				runShown(t, text, how)
			})
		}
	}
	for start := range shownSpecially {
		assert.True(t, used[start], "no page shows %q any more", start)
	}
}

func runShown(t *testing.T, text string, how special) {
	w := newWorld(t)
	if how.environKey {
		w.leaks = func(leaks []keyleak.Leak) {
			for _, leak := range leaks {
				assert.Contains(t, leak.Where, "environ", "leaked: %v", leak)
			}
		}
	}
	if strings.Contains(text, "doctor") {
		w = w.with(keychaintest.StartSecretService(t, keychaintest.Unlocked).Env()...) // doctor would find other tests' keys
	}
	if strings.Contains(text, "pass") {
		w = w.withPass()
	}
	if !strings.Contains(text, "ocgo-key add") && !strings.Contains(text, "ocgo-key import") && !how.emptyPool {
		w.add(labels...)
	}
	text = strings.ReplaceAll(text, "https://opencode.ai/zen/go/v1", w.service.BaseURL())
	for old, replacement := range how.instead {
		require.Contains(t, text, old)
		text = strings.ReplaceAll(text, old, replacement)
	}
	project := filepath.Join(filepath.Dir(w.home), "project")
	for name, content := range how.files {
		path := filepath.Join(project, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o700))
	}
	if how.prepare != nil {
		w = how.prepare(w)
	}
	script := filepath.Join(project, "shown.sh")
	require.NoError(t, os.WriteFile(script, []byte(how.before+"\n"+text), 0o700))
	w = w.with("PATH=" + project + "/bin:" + filepath.Dir(program) + ":" + os.Getenv("PATH"))
	if how.printsKeys {
		c := w.command("bash", append([]string{"-e", script}, how.args...)...).prints().reads(how.stdin).run().ok()
		for line := range strings.Lines(c.stdout.String()) {
			if how.format == "" {
				w.keysOf(strings.TrimSuffix(line, "\n") + "\n")
			} else {
				assert.Contains(t, line, how.format) // the key with text around it
			}
		}
		assert.NotEmpty(t, c.stdout.String())
		return
	}
	w.tmux("bash -e "+script).answers(how.code, how.typed)
	for _, r := range w.service.Requests() {
		if r.Method == http.MethodPost {
			assert.Equal(t, http.StatusOK, r.Status, "%s: the service refuses what the page shows", r.Path)
		}
	}
}

// keyPrompt matches a line that asks for a key. It does not match a message about a key ("replaced
// the key of Work"), so no key is typed into the shell after such a message.
var keyPrompt = regexp.MustCompile(`(?m)^(?:Key|New key) of [^\n]+: *$`)

// keyPrompts counts the prompts for a key on a screen, including answered ones.
func keyPrompts(screen string) int { return len(keyPrompt.FindAllString(screen, -1)) }

func TestOnlyAPromptAsksForAKey(t *testing.T) {
	t.Parallel()
	for screen, want := range map[string]int{
		"$ ocgo-key add\nKey of Work:\n":                                           1,
		"Key of Work: \nadded Work\nKey of Personal:":                              2,
		"New key of Work:":                                                         1,
		"New key of Work:\nocgo-key: replaced the key of Work\n":                   1,
		"ocgo-key: replaced the key of Work\n":                                     0,
		"ocgo-key: the keychain has no usable key for Work; continuing with Spare": 0,
		"the key of Work: it is not in the keychain":                               0,
	} {
		assert.Equal(t, want, keyPrompts(screen), "%q", screen)
	}
}

// answers answers the questions on the terminal, as a user would, until the commands have ended.
func (s *screen) answers(code int, typed map[string]string) {
	s.w.t.Helper()
	questions := map[string]string{"[y/N]": "y\n", "q quit": "q"}
	maps.Copy(questions, typed)
	answered := map[string]int{}
	text, keys := "", 0
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(4 * pause) {
		text = s.text()
		if strings.Contains(text, "ended with ") {
			break
		}
		if strings.Contains(text, "Ask anything") {
			s.quit()
			continue
		}
		asked := func(question string, shown int) bool {
			more := shown > answered[question]
			answered[question] = shown
			return more
		}
		for question, answer := range questions {
			if asked(question, strings.Count(text, question)) {
				s.paste(answer)
			}
		}
		if s.hidesInput() && asked("a key", keyPrompts(text)) {
			s.paste(s.w.marker.Key(labels[keys%len(labels)]) + "\n")
			keys++
		}
	}
	if !strings.Contains(text, fmt.Sprintf("ended with %d\n", code)) {
		s.w.t.Fatalf("it did not end with %d; the screen shows\n%s", code, strings.TrimSpace(text))
	}
}

// hidesInput reports whether the terminal does not echo input, as at the prompt for a key.
func (s *screen) hidesInput() bool {
	s.w.t.Helper()
	tty, err := os.Open(strings.TrimSpace(s.do("display-message", "-p", "#{pane_tty}")))
	require.NoError(s.w.t, err)
	defer tty.Close()
	modes, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	require.NoError(s.w.t, err)
	return modes.Lflag&unix.ECHO == 0
}

// paste types a text without checking the result. It passes the text on standard input, since other
// programs can see arguments.
func (s *screen) paste(text string) {
	s.w.t.Helper()
	load := s.command("load-buffer", "-")
	load.Stdin = strings.NewReader(text)
	require.NoError(s.w.t, load.Run())
	s.do("paste-buffer", "-d")
}
