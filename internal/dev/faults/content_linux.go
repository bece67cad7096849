//go:build amd64 || arm64

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ocgo-key/rotation/state"
)

const (
	stateFile = "state/state.json"
	lastFile  = "state/state.json.last"
)

// contentRows makes the rows about damaged contents of the state.
func contentRows(ctx context.Context, w *world) (rows []row, err error) {
	for _, make := range []func(context.Context, *world) (row, error){
		brokenOnce, brokenTwice, noFile, newerVersion, laterFields, clockMoved,
	} {
		if err := w.restore(w.base); err != nil {
			return nil, err
		}
		r, err := make(ctx, w)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.fault, err)
		}
		w.log("%s: %d times", r.fault, r.times)
		rows = append(rows, r)
	}
	return rows, nil
}

// broken returns invalid contents of a state file, such as a valid one that is truncated at every
// few bytes.
func broken(good []byte, every int) [][]byte {
	all := [][]byte{bytes.Repeat([]byte{0}, len(good)), []byte("garbage\x00\xff\n"), []byte("[]"), []byte("null"), []byte(`{"version":1}`), []byte(`{"version":0,"accounts":[]}`),
		bytes.Replace(good, []byte(`"id"`), []byte(`"di"`), 1), append(bytes.Clone(good), good...)}
	for n := 0; n < len(good)-2; n += 5 * every {
		all = append(all, good[:n])
	}
	return all
}

// intact checks that all accounts and keys exist. If recovered is not set, it also checks the
// labels.
func (w *world) intact(ctx context.Context, recovered bool) error {
	var keys []string
	for _, label := range labels {
		keys = append(keys, keyOf(label))
	}
	s, err := w.repaired(ctx, keys)
	if err != nil {
		return err
	}
	for _, label := range labels {
		if err := s.labelled(label); err != nil && !recovered {
			return err
		}
	}
	return s.has(keys...)
}

func brokenOnce(ctx context.Context, w *world) (row, error) {
	r := row{fault: "state.json broken", how: "empty, zeros, garbage, of another structure, or cut short at every fifth byte; then `list`"}
	for _, content := range broken(w.base.files[stateFile], w.every) {
		spoiled := w.base.clone()
		spoiled.files[stateFile] = content
		if err := w.restore(spoiled); err != nil {
			return r, err
		}
		r.times++
		o, err := w.run(ctx, command{args: []string{"list"}})
		if err != nil {
			return r, err
		}
		if o.exit != 0 || !strings.Contains(o.stdout, "Personal") || !strings.Contains(o.stderr, "last good copy") {
			err = fmt.Errorf("list: exit code %d: %s%s", o.exit, o.stdout, o.stderr)
		}
		r.add(fmt.Sprintf("%.20q of %d bytes", content, len(content)), errors.Join(err, w.intact(ctx, false)))
	}
	return r, nil
}

func brokenTwice(ctx context.Context, w *world) (row, error) {
	r := row{fault: "state.json and its copy broken", how: "both broken in the same ways; then `list`, `get` and `doctor --repair`, which makes accounts of the keys again"}
	for _, content := range broken(w.base.files[stateFile], 4*w.every) {
		spoiled := w.base.clone()
		spoiled.files[stateFile], spoiled.files[lastFile] = content, content
		if err := w.restore(spoiled); err != nil {
			return r, err
		}
		r.times++
		for _, args := range [][]string{{"list"}, {"get", "--pid", fmt.Sprint(os.Getpid())}} {
			o, err := w.run(ctx, command{args: args})
			if err != nil {
				return r, err
			}
			r.add(args[0], answered(o))
		}
		r.add(fmt.Sprintf("%.20q of %d bytes", content, len(content)), w.intact(ctx, true))
	}
	return r, nil
}

// noFile replaces each file of the state with something that is not a file.
func noFile(ctx context.Context, w *world) (row, error) {
	r := row{fault: "something else in a file's place", how: "a FIFO, a folder, a link to nothing or to itself, or nothing at all for each file of the state; then `list`, `disable` and `doctor --repair`"}
	for _, name := range []string{"state.json", "state.json.last", "state.lock", "events.jsonl", "move.lock", "add.lock"} {
		path := filepath.Join(w.stateDir(), name)
		for kind, put := range map[string]func() error{
			"FIFO":           func() error { return syscall.Mkfifo(path, 0o600) },
			"folder":         func() error { return os.Mkdir(path, 0o700) },
			"link to none":   func() error { return os.Symlink(w.path("none"), path) },
			"link to itself": func() error { return os.Symlink(path, path) },
			"nothing":        func() error { return nil },
		} {
			if err := w.restore(w.base); err != nil {
				return r, err
			}
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return r, err
			}
			if err := put(); err != nil {
				return r, err
			}
			r.times++
			for _, args := range [][]string{{"list"}, {"disable", "Work"}} {
				o, err := w.run(ctx, command{args: args})
				if err == nil {
					err = answered(o)
				}
				r.add(fmt.Sprintf("%s for %s, %s", kind, name, args[0]), err)
			}
			r.add(fmt.Sprintf("%s for %s", kind, name), w.intact(ctx, false))
		}
	}
	return r, nil
}

// newerVersion runs each command on a state of a later, unknown format.
func newerVersion(ctx context.Context, w *world) (row, error) {
	r := row{fault: "state of a newer version", how: "its format has the next version number and another structure; each command that writes must change nothing"}
	for _, one := range scenarios() {
		t, err := newTrial(ctx, w, one)
		if err != nil {
			return r, err
		}
		newer := t.begin.clone()
		newer.files[stateFile] = bytes.Replace(newer.files[stateFile], []byte(`"version":1,`), fmt.Appendf(nil, `"version": %d, "accounts": {"by": "id"}, "more": 1,`, state.Version+1), 1)
		if err := w.restore(newer); err != nil {
			return r, err
		}
		r.times++
		o, err := w.run(ctx, t.command(w))
		if err != nil {
			return r, err
		}
		if err = answered(o); err == nil && (o.exit == 0 || !strings.Contains(o.stdout+o.stderr, "newer version")) {
			err = fmt.Errorf("exit code %d: %s", o.exit, o.stderr)
		}
		after, took := w.take()
		if took != nil {
			return r, took
		}
		r.add(one.name, errors.Join(err, newer.same(after)))
	}
	return r, nil
}

// laterFields runs commands on a state of the same format with fields of a later version.
func laterFields(ctx context.Context, w *world) (row, error) {
	r := row{fault: "two versions at once", how: "fields that this version does not know, in the state, an account and the settings; each command that writes must keep them"}
	for _, one := range scenarios() {
		t, err := newTrial(ctx, w, one)
		if err != nil {
			return r, err
		}
		later := t.begin.clone()
		for _, name := range []string{stateFile, lastFile} {
			var s map[string]any
			if err := json.Unmarshal(later.files[name], &s); err != nil {
				return r, err
			}
			settings, _ := s["settings"].(map[string]any)
			if settings == nil {
				settings = map[string]any{}
			}
			settings["later_setting"], s["settings"], s["later_list"] = true, settings, []int{1, 2}
			accounts, _ := s["accounts"].([]any)
			accounts[0].(map[string]any)["later_field"] = "kept"
			if later.files[name], err = json.Marshal(s); err != nil {
				return r, err
			}
		}
		if err := w.restore(later); err != nil {
			return r, err
		}
		r.times++
		o, err := w.run(ctx, t.command(w))
		if err != nil {
			return r, err
		}
		if o.exit != t.exit {
			r.add(one.name, fmt.Errorf("exit code %d: %s", o.exit, o.stderr))
		}
		after, err := os.ReadFile(w.path(stateFile))
		if err != nil {
			return r, err
		}
		for _, field := range []string{"later_setting", "later_list", "later_field"} {
			if !bytes.Contains(after, []byte(field)) {
				r.add(one.name, fmt.Errorf("%s is gone", field))
			}
		}
	}
	return r, nil
}

// clockMoved moves the times in the state. That has the same effect as setting the clock in the
// opposite direction.
func clockMoved(ctx context.Context, w *world) (row, error) {
	r := row{fault: "clock set back and forth", how: "by two hours to ten years. The state has a limit, a lease and the record of a killed command. The limit must end in time, and nothing else may change"}
	const limit = time.Hour
	for _, by := range []time.Duration{2 * time.Hour, 24 * time.Hour, 365 * 24 * time.Hour, 3650 * 24 * time.Hour} {
		for _, by := range []time.Duration{by, -by} {
			if err := w.restore(w.base); err != nil {
				return r, err
			}
			then := time.Now().Add(by)
			err := w.state().Update(ctx, func(s *state.State) error {
				s.Accounts[0].Cooldowns = []state.Cooldown{{Since: then.Add(-time.Minute), Until: then.Add(limit), Reason: "5 hour limit", Window: "5 hour"}}
				s.Accounts[0].LastUsed, s.Accounts[1].Added = then, then
				s.Pending = []state.Pending{{ID: s.Accounts[1].ID, Op: "replace", Since: then}}
				return nil
			})
			if err != nil {
				return r, err
			}
			r.times++
			if err := w.must(ctx, command{args: []string{"get", "--pid", fmt.Sprint(os.Getpid())}}); err != nil {
				r.add(by.String(), err)
			}
			s, err := w.look(ctx)
			if err != nil {
				return r, err
			}
			for _, c := range s.state.Accounts[0].Cooldowns {
				if left := time.Until(c.Until); left > limit+2*time.Minute {
					r.add(by.String(), fmt.Errorf("the limit of %v now ends in %v", limit, left))
				}
			}
			if err := w.age(ctx); err != nil {
				return r, err
			}
			r.add(by.String(), w.intact(ctx, false))
		}
	}
	return r, nil
}
