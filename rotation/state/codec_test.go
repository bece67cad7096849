package state

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// crowd returns a state with n accounts, most of which are used up.
func crowd(n int) *State {
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	s := &State{Version: Version}
	for i := range n {
		s.Accounts = append(s.Accounts, Account{ID: strings.Repeat("x", 28) + fmt.Sprint(i), Label: fmt.Sprint("Account ", i), Added: at,
			Cooldowns: []Cooldown{{Since: at, Until: at.Add(time.Hour), Reason: "weekly limit", Window: "weekly"}},
			Usage:     (&Usage{At: at, Windows: map[string]Window{"rolling": {"ok", 1, at}, "weekly": {"ok", 1, at}, "monthly": {"ok", 1, at}}}).Stored()})
	}
	return s
}

// The format of the file is still that of earlier versions.
func TestShapeOfTheFile(t *testing.T) {
	s := crowd(1)
	s.Accounts[0].Disabled, s.Accounts[0].Usage, s.Settings.Ahead = true, nil, 90
	s.Leases = []Lease{{PID: 1, Start: "<s>", Account: "a"}}
	*s.Conversations.All() = []Lease{{Conversation: "c", Account: "a", Used: s.Accounts[0].Added}}
	text, err := encode(s)
	require.NoError(t, err)
	expected := jsontext.Value(`{
 "version": 1,
 "accounts": [
  {
   "id": "xxxxxxxxxxxxxxxxxxxxxxxxxxxx0",
   "label": "Account 0",
   "disabled": true,
   "added": "2026-03-02T12:00:00Z",
   "cooldowns": [
    {
     "since": "2026-03-02T12:00:00Z",
     "until": "2026-03-02T13:00:00Z",
     "reason": "weekly limit",
     "window": "weekly"
    }
   ]
  }
 ],
 "leases": [
  {
   "pid": 1,
   "start": "<s>",
   "account": "a"
  }
 ],
 "conversations": {
  "c": {
   "account": "a",
   "used": "2026-03-02T12:00:00Z"
  }
 },
 "settings": {
  "ahead": 90
 }
}`)
	require.NoError(t, expected.Compact())
	assert.Equal(t, string(expected), string(text))
}

// The version is found anywhere in the text, so that the file of a newer version is not changed.
func TestVersionOfAnyShape(t *testing.T) {
	for _, text := range []string{
		`{"version":7,"accounts":{}}`, `{"accounts":{},"version":7}`, `{"accounts":[{"id":5}],"version":7}`, `{"settings":[],"version":7,"accounts":[]}`,
	} {
		s, err := decode([]byte(text))
		require.Error(t, err, text)
		assert.Equal(t, 7, s.Version, text)
	}
}

// If a decoded state or its clone is changed, decoding the text again returns the original state.
func TestDecodedTwiceIsNotShared(t *testing.T) {
	text, err := encode(crowd(2))
	require.NoError(t, err)
	first, err := decode(text)
	require.NoError(t, err)
	changed := first.clone()
	*first.Conversations.All() = []Lease{{Conversation: "c"}}
	first.Last = "changed"
	changed.Accounts[0].Label = "changed"
	changed.Accounts[0].Usage.At = time.Time{}
	changed.Accounts[0].Cooldowns[0].Reason = "changed"
	second, err := decode(text)
	require.NoError(t, err)
	again, err := encode(second)
	require.NoError(t, err)
	assert.Equal(t, string(text), string(again))
}

// If the windows of an account's usage cannot be decoded, the rest of the state is still used.
func TestWindowsOfNoUse(t *testing.T) {
	s, err := decode([]byte(`{"version":1,"accounts":[{"id":"a","label":"Work","usage":{"at":"2026-03-02T12:00:00Z","windows":{"weekly":{"percent":"x"}}}}]}`))
	require.NoError(t, err)
	assert.Equal(t, &Usage{At: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}, s.Accounts[0].Usage.Decode())
}

func BenchmarkDecode(b *testing.B) {
	text, err := encode(crowd(1000))
	require.NoError(b, err)
	for b.Loop() {
		latest.Store(nil)
		if _, err := decode(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	s := crowd(1000)
	for b.Loop() {
		if _, err := encode(s); err != nil {
			b.Fatal(err)
		}
	}
}
