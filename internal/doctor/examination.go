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

// examination is one run of all checks. Its functions return data that several checks need; each
// reads its data at the first call only.
type examination struct {
	Options
	ctx  context.Context
	home string
	uid  int // the user id of this process; -1 on Windows

	state    func() snapshot
	keychain func() keysSeen
	usage    func() map[string]usageAnswer
	service  func() reached
	plain    func() plainUse
	program  func() opencode.Program // the opencode on PATH; the zero Program if there is none
}

func newExamination(ctx context.Context, o Options) *examination {
	e := &examination{Options: o, ctx: ctx, uid: os.Geteuid()}
	e.home, _ = os.UserHomeDir() // stateCheck reports a missing home folder
	e.state = sync.OnceValue(e.peek)
	e.keychain = sync.OnceValue(keychainCheck{e}.readKeys)
	e.usage = sync.OnceValue(serviceCheck{e}.askUsage)
	e.service = sync.OnceValue(serviceCheck{e}.reach)
	e.plain = sync.OnceValue(pluginCheck{e}.plainOpenCode)
	e.program = sync.OnceValue(e.whichProgram)
	return e
}

// whichProgram returns the real OpenCode that plain `opencode` runs.
func (e *examination) whichProgram() opencode.Program {
	path, err := opencode.Find(e.Getenv("PATH"))
	if err != nil {
		return opencode.Program{}
	}
	p, _ := opencode.IdentifyRemembered(e.Getenv, path) // openCodeCheck reports the error
	return p
}

// openCode returns p with its environment, for the checks of OpenCode.
func (e *examination) openCode(p opencode.Program) *openCode {
	return &openCode{getenv: e.Getenv, home: e.home, program: p, pooled: e.plain().pooled}
}

// snapshot is the state as it is on disk, without the repair that other commands do when they read
// it.
type snapshot struct {
	dir   string
	file  *state.File
	state *state.State // the state that other commands would use; nil if there is none
	err   error        // why state.json cannot be used
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

// overview returns the pool as `list` shows it.
func (s snapshot) overview(ctx context.Context) (rotation.Overview, error) {
	if s.state == nil {
		return rotation.Overview{}, s.err
	}
	return rotation.New(readOnly{s.file, s.state}, time.Now, process.Alive).Overview(ctx)
}

// readOnly gives rotation the state and refuses every change.
type readOnly struct {
	*state.File
	state *state.State
}

func (s readOnly) Read(context.Context) (*state.State, error) { return s.state, nil }

func (s readOnly) Update(context.Context, func(*state.State) error) error {
	return errors.New("the state is read-only")
}
