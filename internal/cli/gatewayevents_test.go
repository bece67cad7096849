package cli

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/report"
	"ocgo-key/rotation"
)

// The program that started the gateway reads a line for each thing that happened, and the same trouble once.
func TestGatewayTellsItsParent(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer out.Close()
	a := &app{Terminal: &report.Terminal{Out: out, Err: out}, stdout: out, stderr: out, globals: globals{Quiet: true}}
	o := a.told((&notices{app: a, silent: true}).observer())
	move := rotation.Switch{From: rotation.Handout{Label: "Work"}, To: rotation.Handout{Label: "Personal"},
		Verdict: rotation.Verdict{Action: rotation.Reject, Reason: "AuthError"}}
	used := &rotation.ExhaustedError{Account: "Work", Reason: "weekly limit", Cooling: 2, Until: time.Date(2030, 1, 2, 3, 4, 0, 0, time.Local)}
	o.Switched(move)
	o.Exhausted(nil, used)
	o.Exhausted(nil, used)
	o.Failed(errors.New("the keychain is locked"))
	o.Failed(errors.New("the keychain is locked"))
	o.Exhausted(nil, used)
	got, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	exhausted := `{"event":"exhausted","text":"All 2 accounts are used up. Work is back first, Wed 2 Jan 03:04."}` + "\n"
	assert.Equal(t, `{"event":"switched","text":"Work was refused (AuthError); now Personal","from":"Work","to":"Personal"}`+"\n"+
		exhausted+`{"event":"failed","text":"the keychain is locked"}`+"\n"+exhausted, string(got))
}
