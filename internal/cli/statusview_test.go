package cli

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ocgo-key/rotation"
)

var update = flag.Bool("update", false, "write the pictures in testdata/status anew")

// today is in local time, so that the pictures are the same in every time zone.
var today = time.Date(2026, time.November, 23, 15, 20, 0, 0, time.Local)

func after(d time.Duration) time.Time  { return today.Add(d) }
func before(d time.Duration) time.Time { return today.Add(-d) }

const day = 24 * time.Hour

func window(percent int, resets time.Time) rotation.KnownWindow {
	return rotation.KnownWindow{Status: "ok", Percent: percent, ResetsAt: resets}
}

// everything returns a pool with one example of everything that status can show.
func everything() rotation.Overview {
	full := rotation.KnownWindow{Status: "rate-limited", Percent: 100, ResetsAt: after(3*day + 4*time.Hour)}
	return rotation.Overview{Next: "Personal", Accounts: []rotation.View{
		{Number: 1, ID: "a", Label: "Work", Enabled: true,
			Condition: rotation.Condition{State: rotation.Cooling, Until: full.ResetsAt, Reason: "weekly limit", Window: "weekly"},
			Usage: &rotation.KnownUsage{At: before(5 * time.Minute), Windows: map[string]rotation.KnownWindow{
				"rolling": window(34, after(2*time.Hour+10*time.Minute)), "weekly": full, "monthly": window(81, after(12*day))}}},
		{Number: 2, ID: "b", Label: "Personal", Enabled: true, Condition: rotation.Condition{State: rotation.Ready},
			Leases: []rotation.Lease{{PID: 4711, Command: "opencode", Since: before(time.Hour)}, {PID: 4822, Command: "a-client-with-a-long-name", Since: before(2 * day)},
				{PID: 4933, Command: "curl", Since: before(20 * day)}},
			Usage: &rotation.KnownUsage{At: before(5 * time.Minute), Windows: map[string]rotation.KnownWindow{
				"rolling": window(62, after(30*time.Second)), "weekly": window(1, after(6*day+23*time.Hour)), "monthly": window(99, after(29*day))}}},
		{Number: 3, ID: "c", Label: "Spare", Enabled: false, Condition: rotation.Condition{State: rotation.Disabled}},
		{Number: 4, ID: "d", Label: "An account whose label has 40 characters", Enabled: true,
			Condition: rotation.Condition{State: rotation.Rejected, Reason: "AuthError: Unauthorized, and more words of the service than have room on a line"},
			Usage: &rotation.KnownUsage{At: before(26 * time.Hour), Windows: map[string]rotation.KnownWindow{
				"rolling": window(62, before(21*time.Hour)), "weekly": window(137, after(5*day)), "monthly": window(0, time.Time{})}}},
		{Number: 5, ID: "e", Label: "家族のアカウント 🦊 とても長い名前のアカウント長い", Enabled: true, Condition: rotation.Condition{State: rotation.Ready},
			Usage: &rotation.KnownUsage{At: before(5 * time.Minute), Windows: map[string]rotation.KnownWindow{"rolling": window(75, after(45*time.Minute))}}},
	}}
}

func TestPictures(t *testing.T) {
	limited := everything()
	limited.Next, limited.Settings = "", rotation.Settings{Strategy: "most-left", Ahead: 90}
	for name, text := range map[string]string{
		"80":       draw(everything(), today, layout{width: 80, utf8: true}).String(),
		"120":      draw(everything(), today, layout{width: 120, utf8: true}).String(),
		"40":       draw(everything(), today, layout{width: 40, utf8: true}).String(),
		"ascii":    draw(everything(), today, layout{width: 80}).String(),
		"coloured": draw(everything(), today, layout{width: 80, utf8: true, colour: true}).String(),
		"plain":    plainStatus(everything(), today),
		"none":     draw(limited, today, layout{width: 80, utf8: true}).String(),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "status", name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, string(want), text)
		})
	}
}

var styles = regexp.MustCompile("\x1b\\[[0-9]*m")

func unpainted(text string) string { return styles.ReplaceAllString(text, "") }

// Apart from colours, the coloured picture is the same as the one without colour.
func TestColourSaysNothingAlone(t *testing.T) {
	coloured := draw(everything(), today, layout{width: 80, utf8: true, colour: true}).String()
	assert.NotEqual(t, unpainted(coloured), coloured)
	assert.Equal(t, draw(everything(), today, layout{width: 80, utf8: true}).String(), unpainted(coloured))
	assert.NotContains(t, draw(everything(), today, layout{width: 80}).String(), "█")
}

func TestBar(t *testing.T) {
	for percent, want := range map[int]string{-3: "..........", 0: "..........", 1: "#.........", 50: "#####.....", 94: "#########.",
		99: "#########.", 100: "##########", 300: "##########"} {
		assert.Equal(t, want, drawBar(percent, 10, false), "%d %%", percent)
	}
}

// anyPool returns a pool of random accounts, including some that only a state file written by hand
// can contain.
func anyPool(t *rapid.T) rotation.Overview {
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "none") {
			return time.Time{}
		}
		return today.Add(time.Duration(rapid.Int64Range(-int64(400*day), int64(400*day)).Draw(t, "from now")))
	})
	win := rapid.Custom(func(t *rapid.T) rotation.KnownWindow {
		return rotation.KnownWindow{Status: rapid.SampledFrom([]string{"ok", "rate-limited", ""}).Draw(t, "status"),
			Percent: rapid.IntRange(-5, 2000).Draw(t, "percent"), ResetsAt: moment.Draw(t, "resets")}
	})
	var o rotation.Overview
	for i := range rapid.IntRange(0, 12).Draw(t, "accounts") {
		v := rotation.View{Number: i + 1, ID: fmt.Sprint(i), Label: rapid.String().Draw(t, "label"), Enabled: true}
		v.Condition.State = rapid.SampledFrom([]string{rotation.Ready, rotation.Cooling, rotation.Rejected, rotation.Disabled}).Draw(t, "state")
		v.Condition.Reason, v.Condition.Until = rapid.String().Draw(t, "reason"), moment.Draw(t, "until")
		if rapid.Bool().Draw(t, "asked") {
			v.Usage = &rotation.KnownUsage{At: moment.Draw(t, "at"), Windows: rapid.MapOf(rapid.SampledFrom([]string{"rolling", "weekly", "monthly", "yearly"}), win).Draw(t, "windows")}
		}
		for range rapid.IntRange(0, 11).Draw(t, "holders") {
			v.Leases = append(v.Leases, rotation.Lease{PID: rapid.IntRange(1, 1<<22).Draw(t, "pid"), Command: rapid.String().Draw(t, "command"), Since: moment.Draw(t, "since")})
		}
		o.Accounts = append(o.Accounts, v)
	}
	if n := len(o.Accounts); n > 0 && rapid.Bool().Draw(t, "ready") {
		o.Next = o.Accounts[rapid.IntRange(0, n-1).Draw(t, "next")].Label
	}
	return o
}

// No picture has a line that is too wide, or a control character.
func TestPictureFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := layout{width: rapid.IntRange(minWidth, 200).Draw(t, "width"), utf8: rapid.Bool().Draw(t, "utf8"), colour: rapid.Bool().Draw(t, "colour")}
		o := anyPool(t)
		text := draw(o, today, l).String()
		for line := range strings.SplitSeq(text, "\n") {
			if w := columns(unpainted(line)); w > l.width {
				t.Fatalf("%d columns on %d: %q", w, l.width, line)
			}
		}
		for _, shown := range []string{unpainted(text), plainStatus(o, today)} {
			for _, r := range shown {
				if unicode.IsControl(r) && r != '\n' {
					t.Fatalf("%q in %q", r, shown)
				}
			}
		}
	})
}
