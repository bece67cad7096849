package cli

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"ocgo-key/helper"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

func TestScreenKeys(t *testing.T) {
	s := &screen{}
	s.update(everything())
	selected := func() string {
		v, _ := s.account()
		return v.ID
	}
	assert.Equal(t, "a", selected(), "the first is selected")
	for _, step := range []struct{ key, selected string }{{"up", "a"}, {"down", "b"}, {"j", "c"}, {"k", "b"}, {"x", "b"}} {
		assert.Equal(t, wantNothing, s.press(step.key))
		assert.Equal(t, step.selected, selected(), step.key)
	}
	for key, want := range map[string]intent{"q": wantQuit, "esc": wantQuit, "ctrl+c": wantQuit, "ctrl+z": wantSuspend,
		"r": wantRotate, "e": wantEnable, "d": wantDisable, "u": wantAnswer} {
		assert.Equal(t, want, s.press(key), key)
	}

	// The selected account stays selected when the order changes. When it is removed, the account
	// that takes its position is selected.
	turned := everything()
	slices.Reverse(turned.Accounts)
	s.update(turned)
	assert.Equal(t, "b", selected())
	without := everything()
	without.Accounts = slices.Delete(without.Accounts, 1, 2)
	s.update(without)
	assert.Equal(t, "e", selected(), "the fourth")
	s.update(rotation.Overview{})
	_, there := s.account()
	assert.False(t, there)
	s.press("down")
	s.update(everything())
	assert.Equal(t, "e", selected())
}

func TestScreenFrame(t *testing.T) {
	s := &screen{message: "disabled Spare"}
	s.update(everything())
	l := layout{width: 80, utf8: true}
	lines := s.frame(today, l, 40)
	assert.Len(t, lines, 40)
	assert.Equal(t, "▌   1  Work  cooling until Thu 19:20: weekly limit", lines[0])
	assert.Equal(t, "  > 2  Personal  ready, next", lines[5])
	assert.Equal(t, "disabled Spare", lines[38])
	assert.Equal(t, keysShort, lines[39])
	assert.Contains(t, strings.Join(lines, "\n"), "\n\nNext: Personal. Strategy: round-robin.\nNumbers as of 5 min ago")

	// If the screen is too low for all accounts, the selected account is visible, and the last line
	// says which part is shown.
	lines = s.frame(today, l, 14)
	assert.Len(t, lines, 14)
	assert.Equal(t, "▌   1  Work  cooling until Thu 19:20: weekly limit", lines[0])
	assert.Contains(t, lines[9], "lines 1 to 9 of 26")
	for range 4 {
		s.press("down")
	}
	lines = s.frame(today, l, 14)
	assert.Contains(t, lines[8], "▌      month    not reported by the service")
	assert.Contains(t, lines[9], "lines 18 to 26 of 26")

	s.press("?")
	help := s.frame(today, l, 24)
	assert.Equal(t, keysLong, help[24-len(keysLong):])
	s.press("?")
	assert.Equal(t, keysShort, s.frame(today, l, 24)[23])

	ascii := s.frame(today, layout{width: 80}, 40)
	assert.True(t, slices.ContainsFunc(ascii, func(line string) bool { return strings.HasPrefix(line, "|   5  ") }))

	empty := (&screen{}).frame(today, l, 24)
	assert.Equal(t, "There is no account. In another terminal:", empty[0])
}

// The frame has exactly as many lines as the screen, and no line is too wide.
func TestScreenFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &screen{message: rapid.String().Draw(t, "message"), help: rapid.Bool().Draw(t, "help")}
		s.update(anyPool(t))
		for range rapid.IntRange(0, 12).Draw(t, "down") {
			s.press("down")
		}
		l := layout{width: rapid.IntRange(minWidth, 200).Draw(t, "width"), utf8: true}
		height := rapid.IntRange(1, 60).Draw(t, "height")
		lines := s.frame(today, l, height)
		if len(lines) != height {
			t.Fatalf("%d lines on %d", len(lines), height)
		}
		for _, line := range lines {
			if columns(line) > l.width || strings.Contains(line, "\n") {
				t.Fatalf("too wide for %d: %q", l.width, line)
			}
		}
	})
}

func TestTroubles(t *testing.T) {
	const look = "`ocgo-key doctor` checks further; `ocgo-key status` asks again"
	refused := &url.Error{Op: "Get", URL: "https://opencode.ai/zen/go/v1/usage", Err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}}
	locked := func(label string) error {
		return &keychain.Error{Kind: keychain.Locked, Op: "get", Store: "os", ID: label, Hint: "unlock it", Err: errors.New("it is locked")}
	}
	for name, c := range map[string]struct {
		asked []helper.Asked
		want  []failure
	}{
		"none":     {[]helper.Asked{{ID: "a"}, {ID: "b"}}, nil},
		"together": {[]helper.Asked{{ID: "a", Err: refused}, {ID: "b", Err: refused}}, []failure{{"Work, Personal: the service cannot be reached: connection refused; the numbers are from 5 min ago", look}}},
		"keychain": {[]helper.Asked{{ID: "a", Err: locked("Work")}, {ID: "b", Err: locked("Personal")}},
			[]failure{{"Work, Personal: cannot read the key (OS keychain): it is locked; the numbers are from 5 min ago", "unlock it"}}},
		"each its own": {[]helper.Asked{{ID: "a", Err: &helper.UsageError{Status: 401}}, {ID: "b"}, {ID: "c", Err: context.DeadlineExceeded}},
			[]failure{{"Work: the service answered 401 to /usage; the numbers are from 5 min ago", "/usage also refuses some keys that work; if other requests are refused too, `ocgo-key replace` gives the account a new key"}, {"Spare: the service did not answer within 3s; there are no numbers yet", look}}},
		"nonsense":          {[]helper.Asked{{ID: "b", Err: new(json.SyntaxError)}}, []failure{{"Personal: the service's answer to /usage cannot be read; the numbers are from 5 min ago", look}}},
		"removed meanwhile": {[]helper.Asked{{ID: "gone", Err: refused}}, nil},
	} {
		assert.Equal(t, c.want, failures(everything(), c.asked, today), name)
	}
}

func TestLocaleIsUTF8(t *testing.T) {
	for _, c := range []struct {
		goos string
		env  map[string]string
		want bool
	}{
		{"linux", nil, false}, {"linux", map[string]string{"LANG": "de_DE.UTF-8"}, true}, {"linux", map[string]string{"LANG": "C"}, false},
		{"linux", map[string]string{"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, false}, {"linux", map[string]string{"LC_CTYPE": "en_US.utf8", "LANG": "C"}, true},
		{"darwin", nil, true}, {"darwin", map[string]string{"LANG": "C"}, false}, {"windows", nil, true},
	} {
		assert.Equal(t, c.want, localeIsUTF8(c.goos, func(name string) string { return c.env[name] }), "%+v", c)
	}
}

func TestWrap(t *testing.T) {
	assert.Equal(t, []string{"held by a", "process", "abcdefghij", "kl or two"}, layout{}.wrap("held by a process abcdefghijkl or two", 10))
	assert.Equal(t, []string{""}, layout{}.wrap("", 10))
}

func TestUntilNextMinute(t *testing.T) {
	assert.Equal(t, time.Minute, untilNextMinute(today))
	assert.Equal(t, time.Second, untilNextMinute(today.Add(59*time.Second)))
}

// The age is printed even if the numbers have no time (an old file) or a time in the future (the
// clock was set back).
func TestAgeOfOddTimes(t *testing.T) {
	o := rotation.Overview{Accounts: []rotation.View{{Label: "Work", Usage: &rotation.KnownUsage{}}}}
	assert.Equal(t, "No numbers are known yet.", ageText(o, today))
	o.Accounts[0].Usage.At = after(time.Hour)
	assert.Equal(t, "Numbers as of just now.", ageText(o, today))
}

func TestLabels(t *testing.T) {
	many := make([]rotation.View, 13)
	for i := range many {
		many[i].Label = string(rune('A' + i))
	}
	assert.Equal(t, "A, B, C", labels(many[:3]))
	assert.Equal(t, "A, B, C and 10 more", labels(many))
}
