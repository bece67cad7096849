package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"ocgo-key/rotation"
)

// screen is the content of `status --watch` and the meaning of its keys. statuswatch.go does the
// input and output.
type screen struct {
	pool     rotation.Overview
	selected string // the id of the selected account
	top      int    // index of the first visible line of the accounts
	message  string // the result of the last key
	help     bool
}

// intent is the action that a key requests from the caller of press, such as quit or rotate.
type intent string

const (
	wantNothing intent = ""
	wantQuit    intent = "quit"
	wantSuspend intent = "suspend"
	wantRotate  intent = "rotate"
	wantEnable  intent = "enable"
	wantDisable intent = "disable"
	wantAnswer  intent = "ask"
)

// intents has the intent of each key.
var intents = map[string]intent{"q": wantQuit, "ctrl+c": wantQuit, "esc": wantQuit, "ctrl+z": wantSuspend,
	"r": wantRotate, "e": wantEnable, "d": wantDisable, "u": wantAnswer}

// keysShort is the bottom line, and keysLong is the help that ? shows.
const keysShort = "q quit   up/down select   r rotate   e enable   d disable   u ask now   ? help"

var keysLong = []string{
	"up, down (k, j)  select an account",
	"r  the next process gets the account after the one marked >",
	"e  let the selected account be used again now",
	"d  keep the selected account from being used; e takes it back",
	"u  ask the service now (else every 5 minutes)",
	"q, Esc, Ctrl-C  quit          ?  close this",
}

// press handles a key, and returns the action that the caller has to do.
func (s *screen) press(key string) intent {
	switch key {
	case "up", "k":
		s.move(-1)
	case "down", "j":
		s.move(1)
	case "?", "h":
		s.help = !s.help
	}
	return intents[key]
}

// update shows a newer pool. The selected account stays selected if it still exists.
func (s *screen) update(o rotation.Overview) {
	at := s.index()
	s.pool = o
	if s.index() < 0 && len(o.Accounts) > 0 {
		s.selected = o.Accounts[min(max(at, 0), len(o.Accounts)-1)].ID
	}
}

func (s *screen) index() int {
	return slices.IndexFunc(s.pool.Accounts, func(v rotation.View) bool { return v.ID == s.selected })
}

func (s *screen) move(by int) {
	if n := len(s.pool.Accounts); n > 0 {
		s.selected = s.pool.Accounts[min(max(s.index()+by, 0), n-1)].ID
	}
}

// account returns the selected account.
func (s *screen) account() (rotation.View, bool) {
	i := s.index()
	if i < 0 {
		return rotation.View{}, false
	}
	return s.pool.Accounts[i], true
}

// frame returns all lines of a screen with this layout and height: the accounts, the sentences below
// them, and at the bottom the message and the keys.
func (s *screen) frame(now time.Time, l layout, height int) []string {
	inner := l
	inner.width -= len("| ") // marks the selected account
	p := draw(s.pool, now, inner)
	message := strings.Join(strings.FieldsFunc(s.message, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	bottom := []string{l.paint(bold, l.fit(message, l.width))}
	if s.help {
		for _, line := range keysLong {
			bottom = append(bottom, l.fit(line, l.width))
		}
	} else {
		bottom = append(bottom, l.paint(faint, l.fit(keysShort, l.width)))
	}
	foot := append([]string{""}, p.foot...)
	const least = 3 // the number of lines that accounts need at least
	if height-len(bottom)-len(foot) < least {
		foot = nil
	}
	if height-len(bottom) < least {
		bottom = bottom[:1]
	}
	room := max(height-len(bottom)-len(foot), 0)
	body, from, to := s.body(p, l)
	s.scroll(from, to, len(body), room)
	shown := body[s.top:min(s.top+room, len(body))]
	if len(shown) < len(body) && foot != nil {
		foot[0] = l.paint(faint, l.fit(fmt.Sprintf("  lines %d to %d of %d", s.top+1, s.top+len(shown), len(body)), l.width))
	}
	lines := append(slices.Clone(shown), foot...)
	for len(lines)+len(bottom) < height {
		lines = append(lines, "")
	}
	return append(lines, bottom...)
}

// body returns the lines of all accounts. lines[from:to] belong to the selected account.
func (s *screen) body(p picture, l layout) (lines []string, from, to int) {
	if len(p.accounts) == 0 {
		return append(l.wrap("There is no account. In another terminal:", l.width), "  ocgo-key add LABEL"), 0, 0
	}
	mark := "▌ "
	if !l.utf8 {
		mark = "| "
	}
	for i, account := range p.accounts {
		if i > 0 {
			lines = append(lines, "")
		}
		prefix := "  "
		if i == s.index() {
			prefix, from, to = mark, len(lines), len(lines)+len(account)
		}
		for _, line := range account {
			lines = append(lines, prefix+line)
		}
	}
	return lines, from, to
}

// scroll changes top so that the lines from to to are visible. room is the height of the visible
// part; all is the number of lines.
func (s *screen) scroll(from, to, all, room int) {
	if to > s.top+room {
		s.top = to - room
	}
	if from < s.top {
		s.top = from
	}
	s.top = max(min(s.top, all-room), 0)
}
