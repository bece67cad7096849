//go:build amd64 || arm64

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// answered checks that the command did not crash: a crash is a kill, or the exit code 2 or 70 of a
// panic. If the command failed, it must say why and print no key.
func answered(o outcome) error {
	switch {
	case o.exit == -1 || o.exit == 2 || o.exit == 70 || strings.Contains(o.stderr, "goroutine "):
		return fmt.Errorf("the command crashed: exit code %d: %s", o.exit, o.stderr)
	case o.exit == 0:
		return nil
	case strings.TrimSpace(o.stderr) == "" && o.stdout == "":
		return fmt.Errorf("exit code %d, without a message", o.exit)
	case strings.Contains(o.stdout+o.stderr, "sk-faults"):
		return fmt.Errorf("exit code %d, and a key was printed", o.exit)
	}
	return nil
}

// diskRows makes two rows. In one, the disk is full from a certain step on. In the other, the file
// system is read-only.
func diskRows(ctx context.Context, w *world) ([]row, error) {
	rows, err := w.stepRows(ctx, scenarios(), "disk full", "from each step that needs space on, every such step fails with ENOSPC",
		fault{do: failing, errno: syscall.ENOSPC}, func(_ scenario, o outcome) error { return answered(o) })
	if err != nil {
		return nil, err
	}
	r := row{fault: "read-only file system", how: "every change by each command that writes fails with EROFS"}
	for _, one := range scenarios() {
		t, err := newTrial(ctx, w, one)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
		_, o, err := w.runWithFault(ctx, t.command(w), fault{do: failing, step: 1, errno: syscall.EROFS})
		if err != nil {
			return nil, err
		}
		r.times++
		if err = answered(o); err == nil {
			err = t.check(ctx)
		}
		r.outcomes += len(t.seen)
		r.add(one.name, err)
	}
	return append(rows, r), nil
}

// add records a failed check. what is the step or the command.
func (r *row) add(what string, err error) {
	if err != nil {
		r.lost = append(r.lost, fmt.Sprintf("%s: %v", what, err))
	}
}

// nobody is a user other than root.
const nobody = 65534

// userRows tests a state that belongs to another user or is read-only. Root could change
// everything, so the program runs as another user. That user cannot use the bus of this session, so
// the store is the encrypted file.
func userRows(ctx context.Context, w *world) ([]row, error) {
	if err := errors.Join(w.restore(snapshot{}), becomeUser(w)); err != nil {
		return nil, err
	}
	if err := errors.Join(os.Mkdir(w.stateDir(), 0o700), identity(ctx, w), own(w, w.Dir)); err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"config", "identity", w.path(identityName)}, {"config", "store", "file"}} {
		if err := w.must(ctx, command{args: args}); err != nil {
			return nil, err
		}
	}
	if err := w.fill(ctx); err != nil {
		return nil, err
	}
	file := filepath.Join(w.stateDir(), "state.json")
	readOnly := row{fault: "read-only folder", how: "the state's folder has mode 0500, and the program is not root"}
	if err := w.each(ctx, &readOnly, func() error { return os.Chmod(w.stateDir(), 0o500) }, func() error { return os.Chmod(w.stateDir(), 0o700) }); err != nil {
		return nil, err
	}
	foreign := row{fault: "state of another user", how: "state.json belongs to root, and the program is another user"}
	give, back := func() error { return os.Chown(file, 0, 0) }, func() error { return own(w, file) }
	if w.user == nil {
		foreign.how = "state.json may not be read (mode 0000; as root it is made root's)"
		give, back = func() error { return os.Chmod(file, 0) }, func() error { return os.Chmod(file, 0o600) }
	}
	if err := w.each(ctx, &foreign, give, back); err != nil {
		return nil, err
	}
	return []row{readOnly, foreign}, nil
}

// each runs every writing command on a state that spoil has damaged. The command must say why it
// fails, and change nothing. After the damage is undone, it must work.
func (w *world) each(ctx context.Context, r *row, spoil, undo func() error) error {
	for _, c := range []command{
		adding("New"), {[]string{"replace", "Spare", "--no-verify"}, keyOf("Other") + "\n"}, {args: []string{"remove", "Work", "--yes"}},
		{args: []string{"rename", "Work", "Mine"}}, {args: []string{"disable", "Work"}}, {args: []string{"rotate"}},
		{args: []string{"get", "--pid", fmt.Sprint(os.Getpid())}}, {args: []string{"config", "strategy", "most-left"}},
	} {
		before, err := w.take()
		if err != nil {
			return err
		}
		if err := spoil(); err != nil {
			return err
		}
		o, err := w.run(ctx, c)
		if err != nil {
			return err
		}
		if err := undo(); err != nil {
			return err
		}
		r.times++
		if err = answered(o); err == nil && o.exit == 0 {
			err = errors.New("exit code 0, though nothing could be written")
		}
		r.add(c.args[0], err)
		after, err := w.take()
		if err != nil {
			return err
		}
		r.add(c.args[0], before.same(after))
		if err := w.must(ctx, c); err != nil {
			r.add(c.args[0]+" afterwards", err)
		}
		if err := errors.Join(w.restore(before), own(w, w.Dir)); err != nil {
			return err
		}
	}
	return nil
}

// same reports whether nothing has changed, except for empty files such as locks.
func (s snapshot) same(other snapshot) error {
	full := func(s snapshot) map[string]string {
		files := map[string]string{}
		for name, content := range s.files {
			if len(content) > 0 {
				files[name] = string(content)
			}
		}
		return files
	}
	a, b := full(s), full(other)
	for name := range a {
		if a[name] != b[name] {
			return fmt.Errorf("%s was changed", name)
		}
	}
	if len(a) != len(b) || !maps.Equal(s.keys, other.keys) {
		return fmt.Errorf("something was changed: %v, before %v", slices.Sorted(maps.Keys(b)), slices.Sorted(maps.Keys(a)))
	}
	return nil
}

// becomeUser makes the program run as a user other than root. That user starts a copy of the
// program.
func becomeUser(w *world) error {
	if os.Geteuid() != 0 {
		return nil
	}
	w.user = &syscall.Credential{Uid: nobody, Gid: nobody}
	dir, err := os.MkdirTemp(w.temp, "ocgo-key-faults-")
	if err != nil {
		return err
	}
	w.OnClose(func() error { return os.RemoveAll(dir) })
	program, err := os.ReadFile(w.binary)
	if err != nil {
		return err
	}
	w.binary = filepath.Join(dir, "ocgo-key")
	return errors.Join(os.WriteFile(w.binary, program, 0o755), os.Chmod(dir, 0o755))
}

// own changes the owner of a file, or of a folder with its contents, to the user of the program.
func own(w *world, path string) error {
	if w.user == nil {
		return nil
	}
	return filepath.WalkDir(path, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	})
}
