package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"ocgo-key/keychain"
	"ocgo-key/rotation/state"
)

// These are the targets of the section.
const (
	getLimit   = 1.15 // as a multiple of a bare program that makes the same keychain call
	firstLimit = 1.15 // the same, for the first `get` of a process
	manyLimit  = 2    // for a pool of manyAccounts, as a multiple of the time for the usual pool
	runLimit   = 15   // ms that `run` adds to its command
	// `current` is for prompts of shells. This is the target in ms above `version`, which does no
	// work.
	currentLimit = 8
)

// unusedAddress is the address of the service for a pool whose commands send no requests.
const unusedAddress = "http://127.0.0.1:1/zen/go/v1"

// dockerHelper is optional. Its time is shown, but there is no target.
const dockerHelper = "docker-credential-secretservice"

// field has the commands of the section.
type field struct {
	*scratch
	home     home
	bareGet  string // programs that were built for this section
	resident string

	trivial, bare, get, first, getMany, firstMany, file, list, version, current, run, secretTool *contestant
	docker, dockerStore                                                                          *contestant // argv is empty if the helper is not installed
}

// benchHelper makes the section about the helper and the command line.
func benchHelper(ctx context.Context, s *settings) (r *report, err error) {
	open, err := openScratch(s.binary)
	defer func() { err = errors.Join(err, open.Close()) }()
	if err != nil {
		return nil, err
	}
	f := &field{scratch: open}
	if err := f.enter(ctx); err != nil {
		return nil, err
	}
	s.log("the commands")
	commands := []*contestant{f.trivial, f.bare, f.get, f.first, f.getMany, f.firstMany, f.file, f.secretTool, f.list, f.version, f.current, f.run, f.docker, f.dockerStore}
	commands = slices.DeleteFunc(commands, func(c *contestant) bool { return c.argv == nil })
	var watches []stopwatch
	for _, c := range commands {
		watches = append(watches, c.time)
	}
	samples, err := race(ctx, watches, s.effort.warmUps, s.effort.commandRounds)
	if err != nil {
		return nil, err
	}
	took := make(map[*contestant][]float64)
	for i, c := range commands {
		took[c] = samples[i]
	}
	s.log("memory and size")
	sizes, err := f.sizes(ctx, s.effort.residentRounds)
	if err != nil {
		return nil, err
	}
	return &report{
		title:   "The helper and the command line",
		columns: versusColumns,
		rows:    append(f.rows(took), sizes...),
		notes: []string{
			fmt.Sprintf("Each command runs to its end, and its output is compared with the expected output. The commands take turns, one run each, in %d "+
				"rounds, in an order that changes from round to round. Differences and ratios are computed within each round; the table has their "+
				"median. The middle half of the rounds is in brackets.", s.effort.commandRounds),
			fmt.Sprintf("The bare program is built like `ocgo-key`. It makes the same go-keyring call for the same key, and prints the key "+
				"(internal/dev/bench/testdata/bareget). The keys are in a real gnome-keyring, and the pool has %d accounts. `%s` reads a separate entry "+
				"of that keyring.",
				accounts, dockerHelper),
			"`get` is run for one process that already has an account. The first `get` of a process also picks an account and records the " +
				"choice; each run uses `--pid` with a new process. The state and its copy are written during the keychain call.",
			fmt.Sprintf("Of the %d accounts, all except %d are used up for weeks, and the usage of each is known.", manyAccounts, accounts),
			fmt.Sprintf("Keys in a file: `--store file`, with an age identity in another file. Keys in docker's helper: `--store docker:%s`.",
				strings.TrimPrefix(dockerHelper, "docker-credential-")),
			fmt.Sprintf("\"Most resident\" is ru_maxrss, the median of %d runs, each started by a small program.", s.effort.residentRounds),
		},
	}, nil
}

// rows compares each command with its reference command.
func (f *field) rows(took map[*contestant][]float64) []row {
	var rows []row
	for _, r := range []struct {
		command, other *contestant
		target         bound
	}{
		{f.bare, f.trivial, bound{}},
		{f.get, f.bare, atMost(getLimit)},
		{f.get, f.secretTool, faster},
		{f.get, f.docker, bound{}},
		{f.get, f.trivial, bound{}},
		{f.first, f.bare, atMost(firstLimit)},
		{f.first, f.secretTool, faster},
		{f.getMany, f.get, atMost(manyLimit)},
		{f.firstMany, f.first, bound{}},
		{f.file, f.get, bound{}},
		{f.dockerStore, f.docker, bound{}},
		{f.list, f.trivial, bound{}},
		{f.version, f.trivial, bound{}},
		{f.current, f.version, addsUnder(currentLimit)},
		{f.run, f.trivial, addsUnder(runLimit)},
	} {
		rows = append(rows, versus(r.command.name, took[r.command], r.other.name, took[r.other], r.target))
	}
	return rows
}

// enter fills the pool, builds the programs and prepares the commands.
func (f *field) enter(ctx context.Context) (err error) {
	if f.home, err = f.newHome("home", unusedAddress); err != nil {
		return err
	}
	if err := f.fill(ctx, f.home, accounts); err != nil {
		return err
	}
	if f.bareGet, err = f.build(ctx, "bareget"); err != nil {
		return err
	}
	if f.resident, err = f.build(ctx, "resident"); err != nil {
		return err
	}
	id, err := f.heldID(ctx)
	if err != nil {
		return err
	}
	trivial, err := exec.LookPath("true")
	if err != nil {
		return err
	}
	tool, err := exec.LookPath("secret-tool")
	if err != nil {
		return fmt.Errorf("secret-tool is missing: install the Debian package libsecret-tools: %w", err)
	}
	ours := func(name string, prints func(string) bool, args ...string) *contestant {
		return &contestant{name: "`" + name + "`", argv: append([]string{f.binary}, args...), env: f.home.env, prints: prints}
	}
	aKey := exactly(keyOf(1))
	f.trivial = &contestant{name: "`true`", argv: []string{trivial}, env: f.home.env}
	f.bare = &contestant{name: "bare go-keyring", argv: []string{f.bareGet, keychain.Service, id}, env: f.home.env, prints: aKey}
	f.secretTool = &contestant{name: "`secret-tool lookup`", env: f.home.env, prints: aKey,
		argv: []string{tool, "lookup", "service", keychain.Service, "username", id}}
	f.get = ours("get", aKey, "get")
	f.first = ours("get", having(keyPrefix), "get")
	f.first.name, f.first.prepare = "a process's first `get`", newcomer
	if err := f.home.spaced(ctx, f.get); err != nil {
		return err
	}
	f.list = ours("list", having(labelOf(accounts)), "list")
	f.version = ours("version", having("ocgo-key "), "version")
	f.current = ours("current", having(labelOf(1)), "current")
	f.run = ours("run -- true", nil, "run", "--", trivial)
	if err := f.enterMany(ctx); err != nil {
		return err
	}
	if f.docker, err = f.dockerGet(ctx); err != nil {
		return err
	}
	return f.enterStores(ctx)
}

// heldID returns the id of the account that this process holds.
func (f *field) heldID(ctx context.Context) (string, error) {
	get := &contestant{name: "get", argv: []string{f.binary, "get"}, env: f.home.env, prints: exactly(keyOf(1))}
	if _, err := get.time(ctx); err != nil {
		return "", err
	}
	pool, err := f.home.state().Peek()
	if err != nil {
		return "", err
	}
	return pool.Accounts[0].ID, nil
}

// newcomer starts a process that has not asked for a key yet.
func newcomer() (args []string, undo func() error, err error) {
	p := exec.Command("sleep", "600") // undo kills the process long before
	if err := p.Start(); err != nil {
		return nil, nil, err
	}
	return []string{"--pid", strconv.Itoa(p.Process.Pid)}, func() error {
		err := p.Process.Kill()
		_ = p.Wait() // the error says that it was killed
		return err
	}, nil
}

// spaced makes each run of the command look like a `get` an hour after the last one. If a process
// calls `get` again within a minute, ocgo-key asks the service, and that is not measured here. This
// process must have called `get` in the home already.
func (h home) spaced(ctx context.Context, get *contestant) error {
	var pids []int
	err := h.state().Update(ctx, func(s *state.State) error {
		for i := range s.Leases {
			l := &s.Leases[i]
			l.Since, l.Got = l.Since.Add(-2*time.Hour), time.Time{}
			pids = append(pids, l.PID)
		}
		return nil
	})
	get.prepare = func() ([]string, func() error, error) {
		for _, pid := range pids {
			if err := h.state().NoteGet(pid, time.Now().Add(-time.Hour)); err != nil {
				return nil, nil, err
			}
		}
		return nil, func() error { return nil }, nil
	}
	return err
}

// dockerGet stores an entry in the keyring with docker's credential helper, and returns the command
// that reads the entry. If the helper is not installed, argv is empty.
func (f *field) dockerGet(ctx context.Context) (*contestant, error) {
	get := &contestant{name: "`" + dockerHelper + " get`"}
	path, err := exec.LookPath(dockerHelper)
	if errors.Is(err, exec.ErrNotFound) {
		return get, nil
	}
	if err != nil {
		return nil, err
	}
	const server = "https://bench.invalid/"
	entry := fmt.Sprintf(`{"ServerURL":%q,"Username":"bench","Secret":%q}`, server, keyOf(1))
	store := &contestant{name: dockerHelper + " store", argv: []string{path, "store"}, env: f.home.env, stdin: entry}
	if _, err := store.time(ctx); err != nil {
		return nil, err
	}
	get.argv, get.env, get.stdin, get.prints = []string{path, "get"}, f.home.env, server, having(strconv.Quote(keyOf(1)))
	return get, nil
}

// build builds one of the programs below testdata into the scratch folder, with the settings of
// `make build`.
func (f *field) build(ctx context.Context, name string) (string, error) {
	path := filepath.Join(f.Dir, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", path, "ocgo-key/internal/dev/bench/testdata/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build %s, for which Go is needed and the project's folder: %w: %s", name, err, out)
	}
	return path, nil
}

// sizes returns the rows about memory and the size of the program.
func (f *field) sizes(ctx context.Context, rounds int) ([]row, error) {
	commands := []*contestant{f.trivial, f.bare, f.get, f.secretTool}
	used := make([][]float64, len(commands))
	err := turns(rounds, len(commands), func(w int) error {
		bytes, err := f.mostResident(ctx, commands[w])
		used[w] = append(used[w], bytes)
		return err
	})
	if err != nil {
		return nil, err
	}
	// No measured value is below the memory of the program that starts the command.
	floor := median(used[0])
	for w, c := range commands[1:] {
		if median(used[w+1]) <= floor {
			return nil, fmt.Errorf("%s needs less memory than the program that starts it, so its memory cannot be measured", c.name)
		}
	}
	var files [2]float64
	for i, path := range []string{f.binary, f.bareGet} {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		files[i] = float64(info.Size())
	}
	return []row{
		versusSize("most resident, `get`", median(used[2]), f.bare.name, median(used[1])),
		versusSize("most resident, `get`", median(used[2]), f.secretTool.name, median(used[3])),
		versusSize("the program's file", files[0], f.bare.name, files[1]),
	}, nil
}

// mostResident runs the command once, and returns its largest resident memory, in bytes.
func (f *field) mostResident(ctx context.Context, c *contestant) (float64, error) {
	cmd := exec.CommandContext(ctx, f.resident, c.argv...)
	cmd.Env, cmd.Stdin, cmd.Stderr = c.env, strings.NewReader(c.stdin), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.name, err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}
