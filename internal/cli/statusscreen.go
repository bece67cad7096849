package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"ocgo-key/rotation"
)

// screen is what `status --watch` shows, and what its keys mean. It asks nothing and writes nothing: statuswatch.go
// does what it says.
type screen struct {
	pool     rotation.Overview
	selected string // id of an account
	top      int    // the first line of the accounts that is shown
	message  string // what a key did, or why it could not
	help     bool
}

// intent is what a key asks for beyond the screen itself.
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

// keysShort and keysLong are what the bottom line says, and what ? shows.
const keysShort = "q quit   up/down select   r rotate   e enable   d disable   u ask now   ? help"

var keysLong = []string{
	"up, down (k, j)  select an account",
	"r  the next process gets the account after the one marked >",
	"e  let the selected account be used again now",
	"d  keep the selected account from being used; e takes it back",
	"u  ask the service now (else every 5 minutes)",
	"q, Esc, Ctrl-C  quit          ?  close this",
}

// press takes a key in, and returns what it asks for.
func (s *screen) press(key string) intent {
	switch key {
	case "q", "ctrl+c", "esc":
		return wantQuit
	case "ctrl+z":
		return wantSuspend
	case "up", "k":
		s.move(-1)
	case "down", "j":
		s.move(1)
	case "?", "h":
		s.help = !s.help
	case "r":
		return wantRotate
	case "e":
		return wantEnable
	case "d":
		return wantDisable
	case "u":
		return wantAnswer
	}
	return wantNothing
}

// update takes the pool in as it is now. What was selected stays so, unless it is gone.
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

// account is the selected one.
func (s *screen) account() (rotation.View, bool) {
	i := s.index()
	if i < 0 {
		return rotation.View{}, false
	}
	return s.pool.Accounts[i], true
}

// frame is all lines of the screen, height of them, for a terminal that is l.width wide: the accounts, what is said
// below them, and at the bottom the message and the keys.
func (s *screen) frame(now time.Time, l look, height int) []string {
	inner := l
	inner.width -= len("| ") // the mark of what is selected
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
	const least = 3 // lines of accounts; a terminal too low for them goes without the rest
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

// body is the lines of all accounts, and those of the selected one.
func (s *screen) body(p picture, l look) (lines []string, from, to int) {
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
		selected := i == s.index()
		if selected {
			from = len(lines)
		}
		for _, line := range account {
			if selected {
				line = mark + line
			} else {
				line = "  " + line
			}
			lines = append(lines, line)
		}
		if selected {
			to = len(lines)
		}
	}
	return lines, from, to
}

// scroll brings lines from to to of all into the room that there is.
func (s *screen) scroll(from, to, all, room int) {
	if to > s.top+room {
		s.top = to - room
	}
	if from < s.top {
		s.top = from
	}
	s.top = max(min(s.top, all-room), 0)
}
