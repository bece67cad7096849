//go:build amd64 || arm64

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
)

// workers is how many workers run commands at once.
const workers = 4

// crowdRows makes the rows about several processes that change one pool at the same time.
func crowdRows(ctx context.Context, w *world) ([]row, error) {
	rounds, ops := 12, 25
	if w.every > 1 {
		rounds, ops = 2, 10
	}
	mixed := row{fault: "commands at once", how: fmt.Sprintf("%d rounds in which %d processes at a time add, replace, remove, rename, disable, enable, get and rotate at random (seeds 1 to %d); at the end the pool is compared with a model", rounds, workers, rounds)}
	for seed := range rounds {
		if err := w.restore(w.base); err != nil {
			return nil, err
		}
		n, err := w.crowd(ctx, uint64(seed+1), ops)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		mixed.times += n
		mixed.add(fmt.Sprintf("seed %d", seed+1), err)
		w.log("%s: seed %d, %d commands", mixed.fault, seed+1, n)
	}
	same := row{fault: "the same key at once", how: fmt.Sprintf("%d processes at a time add, import or replace with one and the same new key", workers)}
	for range 2 * rounds {
		if err := w.restore(w.base); err != nil {
			return nil, err
		}
		same.times++
		same.add("", w.sameKey(ctx))
	}
	return []row{mixed, same}, nil
}

// account is an account of the model.
type account struct {
	key      string
	disabled bool
}

// worker runs commands on accounts that no other worker uses, so that it can predict each result.
// Several workers run at once.
type worker struct {
	w      *world
	name   string
	random *rand.Rand
	model  map[string]account
	count  int // the number of names used so far
	given  int // the number of commands
	shared int // the number of times that this worker added the label that all workers try to add
	holder *exec.Cmd
}

// crowd runs one round, and returns the number of commands.
func (w *world) crowd(ctx context.Context, seed uint64, ops int) (int, error) {
	var all sync.WaitGroup
	team := make([]*worker, workers)
	errs := make([]error, workers)
	for i := range team {
		team[i] = &worker{w: w, name: fmt.Sprintf("w%d", i), random: rand.New(rand.NewPCG(seed, uint64(i))), model: map[string]account{}}
		if err := team[i].hold(); err != nil {
			return 0, err
		}
		defer team[i].release()
		all.Go(func() {
			for range ops {
				if errs[i] = team[i].step(ctx); errs[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	given, shared, living := 0, 0, map[int]bool{}
	want := map[string]account{}
	for _, label := range labels {
		want[label] = account{key: keyOf(label)}
	}
	for _, one := range team {
		given, shared = given+one.given, shared+one.shared
		maps.Copy(want, one.model)
		living[one.holder.Process.Pid] = true
	}
	err := errors.Join(errs...)
	if shared > 1 {
		err = errors.Join(err, fmt.Errorf("%d processes have added the same label", shared))
	}
	return given, errors.Join(err, w.compare(ctx, want, living))
}

// compare compares the pool with the model.
func (w *world) compare(ctx context.Context, want map[string]account, living map[int]bool) error {
	s, err := w.look(ctx)
	if err != nil {
		return err
	}
	var kept []string
	for _, a := range want {
		kept = append(kept, a.key)
	}
	wrong := s.whole(kept)
	there := map[string]account{}
	for _, a := range s.state.Accounts {
		if _, twice := there[a.Label]; twice {
			wrong = append(wrong, a.Label+" is there twice")
		}
		there[a.Label] = account{s.ring[a.ID], a.Disabled}
	}
	if !maps.Equal(there, want) {
		wrong = append(wrong, fmt.Sprintf("the pool is %v, and should be %v", there, want))
	}
	held := map[string]bool{}
	for _, l := range s.state.Leases {
		if who := fmt.Sprint(l.PID, l.Start); held[who] {
			wrong = append(wrong, fmt.Sprintf("process %d holds two accounts", l.PID))
		} else {
			held[who] = true
		}
	}
	o, err := w.run(ctx, command{args: []string{"list", "--json"}})
	if err != nil {
		return err
	}
	var list struct {
		Accounts []struct {
			Leases []struct{ PID int }
		}
	}
	if err := json.Unmarshal([]byte(o.stdout), &list); err != nil {
		return fmt.Errorf("list: %w: %s", err, o.stderr)
	}
	for _, a := range list.Accounts {
		for _, l := range a.Leases {
			if !living[l.PID] {
				wrong = append(wrong, fmt.Sprintf("process %d has ended, but still holds an account", l.PID))
			}
		}
	}
	if problems, err := w.doctor(ctx, false); err != nil || len(problems) > 0 {
		wrong = append(wrong, fmt.Sprintf("doctor finds %v (%v)", problems, err))
	}
	return problem(wrong)
}

// hold starts a process for which workers get accounts.
func (k *worker) hold() error {
	k.holder = exec.Command("sleep", "3600")
	k.holder.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return k.holder.Start()
}

func (k *worker) release() {
	_ = k.holder.Process.Kill()
	_ = k.holder.Wait() // it was killed
}

// step runs one random command, and records the expected result in the model.
func (k *worker) step(ctx context.Context) error {
	mine := slices.DeleteFunc(slices.Sorted(maps.Keys(k.model)), func(label string) bool { return label == "Shared" })
	pid := strconv.Itoa(k.holder.Process.Pid)
	kind := k.random.IntN(12)
	if len(mine) == 0 && kind < 7 {
		kind = 0
	}
	var one string
	if len(mine) > 0 {
		one = mine[k.random.IntN(len(mine))]
	}
	a := k.model[one]
	switch kind {
	case 0, 1:
		label := k.next()
		k.model[label] = account{key: keyOf(label)}
		return k.do(ctx, adding(label))
	case 2:
		delete(k.model, one)
		return k.do(ctx, command{args: []string{"remove", one, "--yes"}})
	case 3:
		label := k.next()
		delete(k.model, one)
		k.model[label] = a
		return k.do(ctx, command{args: []string{"rename", one, label}})
	case 4:
		k.model[one] = account{a.key, true}
		return k.do(ctx, command{args: []string{"disable", one}})
	case 5:
		k.model[one] = account{a.key, false}
		return k.do(ctx, command{args: []string{"enable", one}})
	case 6:
		key := keyOf(k.next())
		k.model[one] = account{key, a.disabled}
		return k.do(ctx, command{[]string{"replace", one, "--no-verify"}, key + "\n"})
	case 7, 8:
		return k.do(ctx, command{args: []string{"get", "--pid", pid}})
	case 9:
		return k.do(ctx, command{args: []string{"rotate", "--pid", pid}}, 3) // the process may have no lease
	case 10:
		k.release()
		return k.hold()
	}
	key := keyOf(k.next())
	o, err := k.w.run(ctx, command{[]string{"add", "Shared", "--no-verify"}, key + "\n"})
	k.given++
	if err == nil && o.exit == 0 {
		k.shared++
		k.model["Shared"] = account{key: key}
		return nil
	}
	if err == nil && o.exit != 9 {
		err = fmt.Errorf("add Shared: exit code %d: %s", o.exit, o.stderr)
	}
	return err
}

func (k *worker) next() string {
	k.count++
	return fmt.Sprintf("%s-%d", k.name, k.count)
}

func (k *worker) do(ctx context.Context, c command, also ...int) error {
	k.given++
	o, err := k.w.run(ctx, c)
	if err == nil && o.exit != 0 && !slices.Contains(also, o.exit) {
		err = fmt.Errorf("%v: exit code %d: %s", c, o.exit, o.stderr)
	}
	return err
}

// sameKey makes all workers add the same key at the same moment. Exactly one must succeed.
func (w *world) sameKey(ctx context.Context) error {
	key := keyOf("Same")
	commands := []command{
		{[]string{"add", "A", "--no-verify"}, key + "\n"}, {[]string{"add", "B", "--no-verify"}, key + "\n"},
		{[]string{"import", "--from", "-", "--no-verify"}, "C " + key + "\n"}, {[]string{"replace", "Spare", "--no-verify"}, key + "\n"},
	}
	var all sync.WaitGroup
	errs := make([]error, len(commands))
	for i, c := range commands {
		all.Go(func() {
			o, err := w.run(ctx, c)
			if err == nil {
				err = answered(o)
			}
			errs[i] = err
		})
	}
	all.Wait()
	s, err := w.look(ctx)
	if err = errors.Join(append(errs, err)...); err != nil {
		return err
	}
	return problem(s.whole([]string{keyOf("Work"), keyOf("Personal"), key})) // this also finds a key that two accounts have
}
