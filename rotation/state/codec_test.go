package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fill sets every exported field below v, so that a field which encode or decode do not know is
// noticed. odd numbers the fields, and every third text has something that JSON escapes.
func fill(v reflect.Value, odd *int) {
	*odd++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 3, 2, 12, 0, *odd%60, *odd, time.UTC)))
		return
	case Conversations:
		v.Set(reflect.ValueOf(Conversations{text: []byte(fmt.Sprintf(`{"a":{"account":"%d \"}{ x","used":"2026-03-02T12:00:00Z"},"b":{"account":"y"}}`, *odd))}))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type().Field(i).Tag.Get("json") != "-" {
				fill(v.Field(i), odd)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), odd)
		fill(v.Index(1), odd)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, name := range []string{"weekly", "a <b> & \"c\" \\ ü \u2028"} {
			value := reflect.New(v.Type().Elem()).Elem()
			fill(value, odd)
			v.SetMapIndex(reflect.ValueOf(name), value)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), odd)
	case reflect.String:
		v.SetString(fmt.Sprint("text ", *odd))
		if *odd%3 == 0 {
			v.SetString(fmt.Sprintf("<&> \"%d\" \\ \n \x7f ü", *odd))
		}
	case reflect.Int:
		v.SetInt(int64(*odd))
	case reflect.Bool:
		v.SetBool(true)
	default:
		panic("no value for a " + v.Type().String())
	}
}

func full() *State {
	s, odd := new(State), 0
	fill(reflect.ValueOf(s).Elem(), &odd)
	s.Version = Version
	return s
}

// What encode writes is what encoding/json would, and decode reads it back.
func TestEncodeAndDecodeKnowEveryField(t *testing.T) {
	bare := full()
	for i := range bare.Accounts { // all that is left out when it is empty
		bare.Accounts[i] = Account{ID: fmt.Sprint(i), Label: "x", Usage: &Usage{Windows: map[string]Window{"weekly": {}}}, Rejected: &Rejection{}, Cooldowns: []Cooldown{{}}}
	}
	bare.Leases, bare.Pending, bare.Refusals = []Lease{{}}, []Pending{{}}, []Refusal{{}}
	bare.Settings, bare.Conversations = Settings{Move: Move{To: "x"}}, Conversations{}
	for name, s := range map[string]*State{
		"full": full(), "bare": bare, "empty": {Version: 1, Accounts: []Account{}},
		"no windows": {Version: 1, Accounts: []Account{{ID: "a", Label: "b", Usage: &Usage{Windows: map[string]Window{}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := encodeOurs(s)
			require.NoError(t, err)
			want, err := json.MarshalIndent(s, "", " ")
			require.NoError(t, err)
			require.Equal(t, string(want), string(text))
			again, ok := decodeOurs(string(text))
			require.True(t, ok)
			assert.Equal(t, unmarshal(t, text), again)
		})
	}
	_, err := encodeOurs(&State{Accounts: []Account{{Added: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}}})
	require.Error(t, err, "a year that JSON's times do not have")
	_, err = encodeOurs(&State{Accounts: []Account{{Usage: new(Usage)}}})
	require.NoError(t, err)
}

func unmarshal(t *testing.T, text []byte) *State {
	t.Helper()
	s := new(State)
	require.NoError(t, json.Unmarshal(text, s))
	return s
}

// Whoever decodes a text that was decoded before can change the list of conversations alone; a
// change of the pool has all to itself.
func TestDecodedTwiceIsNotShared(t *testing.T) {
	text, err := encodeOurs(full())
	require.NoError(t, err)
	first, err := decode(string(text))
	require.NoError(t, err)
	*first.Conversations.All() = nil
	first.Last = "changed"
	changed := first.clone()
	changed.Accounts[0].Label, changed.Leases[0].PID = "changed", -1
	changed.Accounts[0].Usage.Windows["weekly"] = Window{}
	changed.Accounts[0].Rejected.Reason, changed.Accounts[0].Cooldowns[0].Reason = "changed", "changed"
	changed.Refusals[0].Count, changed.Pending[0].ID, changed.Passed[0] = -1, "changed", "changed"
	second, err := decode(string(text))
	require.NoError(t, err)
	assert.Equal(t, unmarshal(t, text), second)
}

// FuzzDecode reads whatever text: what decode reads by itself is what encoding/json reads, to the
// last member.
func FuzzDecode(f *testing.F) {
	text, err := encodeOurs(full())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	for _, text := range []string{
		`{}`, `{"version":1,"accounts":[]}`, `{"version":1,"accounts":[{"id":"a","label":"b","usage":{"at":"2026-03-02T12:00:00Z","windows":{"x":{},"x":{"percent":1}}}}]}`,
		`{"version":-0}`, `{"version":01}`, `{"version":1.0}`, `{"version":1e2}`, `{"version":99999999999999999999}`, `{"version":1,}`, `{,"version":1}`, `{"version":1} x`,
		`{"version":1,"version":2}`, `{"version":null}`, `{"Version":1}`, `{"accounts":[{},]}`, `{"accounts":[,{}]}`, `{"accounts":[{}{}]}`, `{"passed":["a","\u0061","\ud800","` + "\xff" + `"]}`,
		`{"passed":["a\`, `{"passed":["a`, `{"conversations":{"a":[1,{"b":"}"}]}}`, `{"conversations":{"a":"\`, `{"conversations":{x}}`, `{"conversations":{}`, `{"conversations":{]}`,
		`{"accounts":[{"disabled":true},{"disabled":false},{"disabled":tru}]}`, `{"accounts":[{"added":"2026-03-02T12:00:00+02:00"},{"added":"x"}]}`, `{"passed":["a` + "\n" + `"]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, ok := decodeOurs(string(text))
		if !ok {
			return
		}
		want := new(State)
		strict := json.NewDecoder(bytes.NewReader(text))
		strict.DisallowUnknownFields()
		if err := strict.Decode(want); err != nil || !json.Valid(text) {
			t.Fatalf("read what encoding/json does not: %v", err)
		}
		if !reflect.DeepEqual(s, want) {
			t.Fatalf("read %+v, and encoding/json %+v", s, want)
		}
	})
}

// crowd is a state of n accounts, most of which are used up.
func crowd(n int) *State {
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	s := &State{Version: Version}
	for i := range n {
		s.Accounts = append(s.Accounts, Account{ID: strings.Repeat("x", 28) + fmt.Sprint(i), Label: fmt.Sprint("Account ", i), Added: at,
			Cooldowns: []Cooldown{{Since: at, Until: at.Add(time.Hour), Reason: "weekly limit", Window: "weekly"}},
			Usage:     &Usage{At: at, Windows: map[string]Window{"rolling": {"ok", 1, at}, "weekly": {"ok", 1, at}, "monthly": {"ok", 1, at}}}})
	}
	return s
}

func BenchmarkDecode(b *testing.B) {
	text, err := encodeOurs(crowd(1000))
	require.NoError(b, err)
	for b.Loop() {
		decodeOurs(string(text))
	}
}

func BenchmarkEncode(b *testing.B) {
	s := crowd(1000)
	for b.Loop() {
		if _, err := encodeOurs(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkClone(b *testing.B) {
	s := crowd(1000)
	for b.Loop() {
		s.clone()
	}
}

func BenchmarkStandardLibrary(b *testing.B) {
	s := crowd(1000)
	for b.Loop() {
		text, err := json.MarshalIndent(s, "", " ")
		if err != nil || json.Unmarshal(text, new(State)) != nil {
			b.Fatal(err)
		}
	}
}
