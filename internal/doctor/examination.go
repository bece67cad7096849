package doctor

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/paths"
	"ocgo-key/internal/process"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// examination is one run of all checks. What several checks need is read once, by the first that
// asks.
type examination struct {
	Options
	ctx  context.Context
	home string
	uid  int // whose files ours have to be; -1 where files have no such owner

	state    func() snapshot
	keychain func() keysSeen
	usage    func() map[string]usageAnswer
	service  func() reached
	plain    func() plainUse
	program  func() opencode.Program // on PATH; an empty one where there is none
}

func newExamination(ctx context.Context, o Options) *examination {
	e := &examination{Options: o, ctx: ctx, uid: os.Geteuid()}
	e.home, _ = os.UserHomeDir() // without one the state says so
	e.state = sync.OnceValue(e.peek)
	e.keychain = sync.OnceValue(keychainCheck{e}.readKeys)
	e.usage = sync.OnceValue(serviceCheck{e}.askUsage)
	e.service = sync.OnceValue(serviceCheck{e}.reach)
	e.plain = sync.OnceValue(pluginCheck{e}.plainOpenCode)
	e.program = sync.OnceValue(e.whichProgram)
	return e
}

// whichProgram returns the program that plain `opencode` runs in the end.
func (e *examination) whichProgram() opencode.Program {
	path, err := opencode.Find(e.Getenv("PATH"))
	if err != nil {
		return opencode.Program{}
	}
	p, _ := opencode.IdentifyRemembered(e.Getenv, path) // the check of OpenCode says what is wrong with it
	return p
}

// openCode returns what the checks of OpenCode need of p.
func (e *examination) openCode(p opencode.Program) *openCode {
	return &openCode{getenv: e.Getenv, home: e.home, program: p, pooled: e.plain().pooled}
}

// snapshot is the state as it is, without the repairs that every other command makes when it reads
// it.
type snapshot struct {
	dir   string
	file  *state.File
	state *state.State // what commands work with; nil where there is none to be had
	err   error        // why the file itself is not it
}

func (e *examination) peek() snapshot {
	dir, err := paths.StateDir(e.Getenv, os.UserHomeDir)
	if err != nil {
		return snapshot{err: err}
	}
	s := snapshot{dir: dir, file: state.OpenFile(dir, time.Now, func(string) {})}
	s.state, s.err = s.file.Peek()
	if s.state == nil && (errors.Is(s.err, state.ErrUnreadable) || errors.Is(s.err, state.ErrMissing)) {
		s.state = &state.State{Version: state.Version}
	}
	return s
}

// overview returns the pool as `list` would show it.
func (s snapshot) overview(ctx context.Context) (rotation.Overview, error) {
	if s.state == nil {
		return rotation.Overview{}, s.err
	}
	return rotation.New(still{s.file, s.state}, time.Now, process.Alive).Overview(ctx)
}

// still is a store of the state that refuses every change.
type still struct {
	*state.File
	state *state.State
}

func (s still) Read(context.Context) (*state.State, error) { return s.state, nil }

func (s still) Update(context.Context, func(*state.State) error) error {
	return errors.New("the state is only looked at")
}
