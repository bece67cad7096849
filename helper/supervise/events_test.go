package supervise

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"ocgo-key/rotation"
)

// The program that started the gateway reads a line for each event; repeated events are left out.
func TestGatewayTellsItsParent(t *testing.T) {
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	o := WithEvents((&Notices{Tell: silence{}, Silent: true}).Observer(), func(e any) error { return lines.Encode(e) })
	move := rotation.Switch{From: rotation.Handout{Label: "Work"}, To: rotation.Handout{Label: "Personal"},
		Verdict: rotation.Verdict{Action: rotation.Reject, Reason: "AuthError"}}
	used := &rotation.ExhaustedError{Account: "Work", Reason: "weekly limit", Cooling: 2, Until: time.Date(2030, 1, 2, 3, 4, 0, 0, time.Local)}
	o.Switched(move)
	o.Exhausted(nil, used)
	o.Exhausted(nil, used)
	o.Failed(errors.New("the keychain is locked"))
	o.Failed(errors.New("the keychain is locked"))
	o.Exhausted(nil, used)
	exhausted := `{"event":"exhausted","text":"All 2 accounts are used up. Work is back first, Wed 2 Jan 03:04."}` + "\n"
	assert.Equal(t, `{"event":"switched","text":"Work was refused (AuthError); now Personal","from":"Work","to":"Personal"}`+"\n"+
		exhausted+`{"event":"failed","text":"the keychain is locked"}`+"\n"+exhausted, out.String())
}

// silence is a Teller that prints nothing.
type silence struct{}

func (silence) Say(string, ...any)    {}
func (silence) Detail(string, ...any) {}
func (silence) Warn(string, string)   {}
func (silence) Failed(error)          {}
