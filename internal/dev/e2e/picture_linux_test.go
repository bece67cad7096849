package e2e

import (
	"flag"
	"fmt"
	"html"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the pictures anew: docs/switch.svg, docs/status.txt and README.md")

const (
	pictureFile  = "../../../docs/status.txt"
	readmeFile   = "../../../README.md"
	pictureBegin = "<!-- status: begin, by make picture -->\n```\n$ ocgo-key status\n"
	pictureEnd   = "```\n<!-- status: end -->\n"
)

// These parts of the picture differ from day to day. They are replaced by text of the same width.
var (
	timesOfDay = regexp.MustCompile(`([A-Z][a-z]{2} |\d{1,2} [A-Z][a-z]{2} )?\d\d:\d\d`)
	pids       = regexp.MustCompile(`\(\d+\)`)
)

func timeless(picture string) string {
	return pids.ReplaceAllString(timesOfDay.ReplaceAllString(picture, "TIME"), "(PID)")
}

// The picture in the README is the output of `status`, except for the time of day and the pid.
// OpenCode has used up its first account and continues with the second; the third account is
// disabled. `make picture` writes the picture.
func TestPicture(t *testing.T) {
	t.Parallel()
	opencode(t, "", "")
	w := newWorld(t)
	w.add(labels...)
	w.used("Work", 34, 100, 81)
	s := w.tmux("ocgo-key run -- opencode -m " + model)
	s.expect("Kimi")
	s.types("say hi")
	s.expect("Hello from Personal.")
	w.command("ocgo-key", "disable", "Spare").run().ok()
	w.used("Work", 34, 100, 81) // once more, because the times are relative to now
	w.used("Personal", 62, 17, 5)
	w.used("Spare", 8, 76, 40)
	c := w.command("ocgo-key", "status").run().ok()
	assert.Empty(t, c.stderr.String())
	picture := c.stdout.String()
	s.quit()

	readme, err := os.ReadFile(readmeFile)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(readme), pictureBegin)
	inReadme, after, closed := strings.Cut(rest, pictureEnd)
	require.True(t, found && closed, "README.md has no place for the picture: %q, %q", pictureBegin, pictureEnd)
	if *update {
		require.NoError(t, os.WriteFile(pictureFile, []byte(picture), 0o644))
		require.NoError(t, os.WriteFile(readmeFile, []byte(before+pictureBegin+picture+pictureEnd+after), 0o644))
		inReadme = picture
	}
	file, err := os.ReadFile(pictureFile)
	require.NoError(t, err)
	assert.Equal(t, timeless(picture), timeless(string(file)), "`make picture` writes it anew")
	assert.Equal(t, string(file), inReadme, "`make picture` writes it anew")
}

const switchFile = "../../../docs/switch.svg"

// The picture of a switch shows `list`, then OpenCode at a limit, then `list` again. `make picture`
// draws it.
func TestSwitchPicture(t *testing.T) {
	t.Parallel()
	opencode(t, "", "")
	w := newWorld(t)
	w.add(labels...)
	w.limit("Work", 76*time.Hour)
	var script strings.Builder
	for _, command := range []string{"ocgo-key list", "ocgo-key run -- opencode run -m " + model + ` "say hi"`, "ocgo-key list"} {
		fmt.Fprintf(&script, "echo '$ %s'; %s; echo; ", command, command)
	}
	s := w.tmux("{ " + script.String() + "}")
	s.expect("ended with 0")
	shown, _, _ := strings.Cut(s.text(), "ended with 0")
	picture := drawn(strings.Split(strings.TrimSpace(shown), "\n"))
	if *update {
		require.NoError(t, os.WriteFile(switchFile, []byte(picture), 0o644))
	}
	file, err := os.ReadFile(switchFile)
	require.NoError(t, err)
	assert.ElementsMatch(t, linesOf(picture), linesOf(string(file)), "`make picture` writes it anew")
}

var textElements = regexp.MustCompile(`<text class="(\w+)"[^>]*>([^<]+)</text>`)

// linesOf returns the lines of a picture that are not empty. The order of OpenCode's lines varies
// and does not matter.
func linesOf(picture string) (lines []string) {
	for _, found := range textElements.FindAllStringSubmatch(timeless(picture), -1) {
		lines = append(lines, found[1]+": "+found[2])
	}
	return lines
}

// drawn returns a terminal with these lines as SVG. Typed text is bright, and ocgo-key's messages
// are highlighted.
func drawn(lines []string) string {
	const margin, high, wide = 20, 20, 8.43
	longest := 0
	var text strings.Builder
	for i, line := range lines {
		longest = max(longest, len([]rune(line)))
		class := "out"
		switch {
		case strings.HasPrefix(line, "$ "):
			class = "typed"
		case strings.HasPrefix(line, "ocgo-key: "):
			class = "said"
		}
		fmt.Fprintf(&text, "<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>\n", class, margin, margin+14+i*high, html.EscapeString(line))
	}
	width, height := 2*margin+int(float64(longest)*wide), 2*margin+len(lines)*high
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d">
<style>text { font: 14px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre } .out { fill: #c9d1d9 } .typed { fill: #ffffff; font-weight: bold } .said { fill: #e3b341 }</style>
<rect width="100%%" height="100%%" rx="8" fill="#161b22"/>
%[3]s</svg>
`, width, height, text.String())
}
