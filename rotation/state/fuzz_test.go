package state_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"ocgo-key/rotation/state"
)

// folder returns a scratch folder for one input of a fuzz target. It is in memory where possible,
// since the targets sync many files.
func folder(t *testing.T) string {
	t.Helper()
	memory := "/dev/shm"
	if _, err := os.Stat(memory); err != nil {
		memory = ""
	}
	dir, err := os.MkdirTemp(memory, "ocgo-key-fuzz-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// as returns the JSON of a state.
func as(t *testing.T, s *state.State) string {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatalf("a state that was read can't be written: %v", err)
	}
	return string(text)
}

// FuzzState reads any text as state.json. A valid state is the same after it is written and read
// again. The file of a newer version is not changed. A file with any other text is renamed.
func FuzzState(f *testing.F) {
	for _, text := range []string{
		`{"version":1,"accounts":[]}`,
		`{"version":1,"accounts":[{"id":"a","label":"Work","added":"2026-03-02T12:00:00Z","cooldowns":[{"since":"2026-03-02T12:00:00Z","until":"2026-03-09T12:00:00+02:00","reason":"weekly limit","window":"weekly"}],"rejected":{"at":"2026-03-02T12:00:00Z","reason":"x"}}],"last":"a","leases":[{"pid":1,"start":"s","account":"a","since":"2026-03-02T12:00:00Z"}],"pending":[{"id":"b","op":"add","since":"2026-03-02T12:00:00Z"}],"settings":{"strategy":"most-left","ahead":80}}`,
		`{"version":1,"accounts":[{"id":"a","label":"Work","usage":{"at":"2026-03-02T12:00:00Z","windows":{"weekly":{"status":"ok","percent":1,"resets_at":"2026-03-02T12:00:00Z"}}}}]}`,
		`{"version":1,"accounts":[{"id":"a","label":"Work"}],"conversations":{"x":{"account":"a","used":"2026-03-02T12:00:00Z"}}}`, `{"version":1,"accounts":[],"conversations":[5]}`,
		`{"version":2,"accounts":{}}`, `{"version":2`, `{"version":-1,"accounts":[]}`, `{"version":1}`, `{"version":1,"accounts":[{"id":"a","label":"x"},{"id":"a","label":"y"}]}`, "", "null", "[]", "\xff",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dir, ctx := folder(t), context.Background()
		path := filepath.Join(dir, "state.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		warned := 0
		file := state.OpenFile(dir, func() time.Time { return now }, func(string) { warned++ })
		_, peeked := file.Peek()
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, text) {
			t.Fatalf("Peek changed the file: %q, %v", after, err)
		}
		s, err := file.Read(ctx)
		if err != nil {
			if !errors.Is(err, state.ErrNewer) || !errors.Is(peeked, state.ErrNewer) {
				t.Fatalf("Read returned %v, Peek %v", err, peeked)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, text) {
				t.Fatalf("a newer version's file became %q, %v", after, err)
			}
			return
		}
		if unreadable := errors.Is(peeked, state.ErrUnreadable); unreadable != (warned > 0) {
			t.Fatalf("%d warnings, but Peek returned %v", warned, peeked)
		}
		if warned > 0 {
			aside, err := os.ReadFile(path + ".bak.1772452800")
			if err != nil || !bytes.Equal(aside, text) || len(s.Accounts) > 0 {
				t.Fatalf("the backup has %q, %v; the state has %d accounts", aside, err, len(s.Accounts))
			}
		}
		ids := map[string]bool{}
		for _, a := range s.Accounts {
			if a.ID == "" || a.Label == "" || ids[a.ID] {
				t.Fatalf("account %+v", a)
			}
			ids[a.ID] = true
		}
		var changed string
		if err := file.Update(ctx, func(s *state.State) error {
			s.ClearPending("nobody")
			changed = as(t, s)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		again, err := file.Read(ctx)
		if err != nil || as(t, again) != changed {
			t.Fatalf("%s was read again as %s, %v", changed, as(t, again), err)
		}
	})
}

// FuzzEvents reads any text as the history. It has no more events than lines, and an event that is
// appended can be read.
func FuzzEvents(f *testing.F) {
	for _, text := range []string{
		`{"time":"2026-03-02T12:00:00Z","event":"added","account":"Work"}` + "\n" + `{"time":"2026-03-02T12:00:00Z","event":"switched","account":"Work","to":"Personal","reason":"weekly limit","until":"2026-03-09T12:00:00Z","pid":7}` + "\n",
		`{"event":"added"`, "\n\n", "null\n{}\n[]\n", "{\"event\":\"x\"}\r\n{\"event\":\"y\"}", "\xff\xfe",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) >= 1<<20 {
			return // the older half would be removed
		}
		dir, ctx := folder(t), context.Background()
		if err := os.WriteFile(filepath.Join(dir, "events.jsonl"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		file := state.OpenFile(dir, time.Now, func(message string) { t.Error(message) })
		before, broken, err := file.ReadEvents()
		if lines := bytes.Count(text, []byte("\n")) + 1; err != nil || len(before)+broken > lines {
			t.Fatalf("%d events and %d broken lines of %d, %v", len(before), broken, lines, err)
		}
		if err := file.Update(ctx, func(s *state.State) error {
			s.Note(state.Event{Time: now, Kind: "added", Account: "a \"label\"\n"})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		after, stillBroken, err := file.ReadEvents()
		if err != nil || len(after) != len(before)+1 || stillBroken != broken || after[len(before)].Account != "a \"label\" " {
			t.Fatalf("%d events and %d broken lines became %d and %d, %v", len(before), broken, len(after), stillBroken, err)
		}
	})
}
