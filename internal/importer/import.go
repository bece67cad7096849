package importer

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"ocgo-key/helper/accounts"
	"ocgo-key/helper/opencode"
	"ocgo-key/internal/report"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// Pool is what an import needs of the rotation.
type Pool interface {
	Overview(ctx context.Context) (rotation.Overview, error)
	// ContinueFrom makes the turn continue after the account with this id, unless it has begun.
	ContinueFrom(ctx context.Context, id string) error
}

// Accounts is what an import needs of the accounts and their keys: *accounts.Accounts, whose
// methods these are.
type Accounts interface {
	Held(o rotation.Overview) (accounts.HeldKeys, error)
	Check(ctx context.Context, key keychain.Secret) (rotation.Usage, error)
	Alone(do func() error) error
	Enlist(n rotation.NewAccount, key keychain.Secret, usage rotation.Usage) error
	WarnSharedUsage(o rotation.Overview, self string, usage rotation.Usage)
}

// Env is the environment that an import runs in: os.Getenv and os.UserHomeDir, or stand-ins.
type Env struct {
	Getenv func(string) string
	Home   func() (string, error)
}

// Import says how keys come in, and works on what.
type Import struct {
	Scrub    bool // takes the keys out of their files, once the keychain has them
	NoVerify bool // does not ask the service about the keys

	Accounts Accounts
	Pool     Pool
	Reporter report.Reporter
	Env      Env
}

// Report is what came of an import. Its lists are never nil; its JSON is that of `import --json`.
type Report struct {
	Imported []Imported `json:"imported"`
	Skipped  []Skipped  `json:"skipped"`
	Scrubbed []string   `json:"scrubbed"` // paths
	// Failures is how much went wrong: a key that is there already is none.
	Failures int `json:"-"`
}

// Imported is an account that came in.
type Imported struct {
	Label  string `json:"label"`
	ID     string `json:"id"`
	Source string `json:"source"`
}

// Skipped is a key that did not come in.
type Skipped struct {
	Label  string `json:"label"`
	Reason string `json:"reason"`
	Source string `json:"source"`
}

// NewReport returns the report of an import that found nothing.
func NewReport() Report { return Report{[]Imported{}, []Skipped{}, []string{}, 0} }

// Empty reports whether no source had anything to import or to take out.
func (r Report) Empty() bool { return len(r.Imported)+len(r.Skipped)+len(r.Scrubbed)+r.Failures == 0 }

// importing is one import while it is at work.
type importing struct {
	Import
	ctx     context.Context
	sources []*source
	held    accounts.HeldKeys
	// known are the accounts whose keys are in held, with their KeyRev.
	known     map[string]int
	confirmed []keychain.Secret // the keys that the service knew in this run
	report    Report
}

// Run takes the keys in, then the position in the rotation, and only then looks at what is left in
// the sources. The error means that the keychain or the pool does not work, and ends the import;
// what goes wrong with one key or one source is told to the Reporter and counted in the report.
func (i Import) Run(ctx context.Context, sources *Sources) (Report, error) {
	im := &importing{Import: i, ctx: ctx, sources: sources.found, report: NewReport()}
	im.report.Failures = sources.Failures
	err := im.run()
	return im.report, err
}

func (im *importing) run() error {
	if _, err := im.look(); err != nil {
		return err
	}
	for _, s := range im.sources {
		for _, login := range s.logins.Found {
			if err := im.take(s, login); err != nil {
				return err
			}
		}
	}
	for _, s := range im.sources {
		if err := im.continueFrom(s.logins); err != nil {
			return err
		}
	}
	return im.tidy()
}

// look reads the pool, and its keys where another process has changed something since they were
// read.
func (im *importing) look() (rotation.Overview, error) {
	o, err := im.Pool.Overview(im.ctx)
	if err != nil {
		return o, err
	}
	now := map[string]int{}
	for _, v := range o.Accounts {
		now[v.ID] = v.KeyRev
	}
	if im.known != nil && maps.Equal(now, im.known) {
		return o, nil
	}
	im.held, err = im.Accounts.Held(o)
	im.known = now
	return o, err
}

// continueFrom makes the rotation go on where the source's stopped.
func (im *importing) continueFrom(logins opencode.Logins) error {
	if logins.Last < 0 {
		return nil
	}
	n := len(logins.Found)
	for i := range n { // an account that is not here leaves its place to the one before it
		login := logins.Found[(logins.Last-i+n)%n]
		if held, ok := im.held.Of(login.Key); ok && login.Problem == "" {
			err := im.Pool.ContinueFrom(im.ctx, held.ID)
			if errors.Is(err, rotation.ErrNoSuchAccount) { // it was removed meanwhile
				continue
			}
			return err
		}
	}
	return nil
}

// fail tells the user of something that went wrong, and counts it.
func (im *importing) fail(message, next string) {
	im.report.Failures++
	im.Reporter.Warn(message, next)
}

// skip tells of a key that should have come in, and could not.
func (im *importing) skip(s *source, login opencode.Login, reason string) {
	label := login.Entry
	if login.Label != "" && !s.logins.List {
		label = text.Tidy(login.Label)
	}
	im.report.Skipped = append(im.report.Skipped, Skipped{label, reason, s.name})
	im.fail(fmt.Sprintf("%s was not imported: %s", s.place(label), reason), "")
}

// alreadyThere tells of a key that need not come in. label is the account's.
func (im *importing) alreadyThere(s *source, login opencode.Login, label string) {
	reason := "already there, as " + label
	im.report.Skipped = append(im.report.Skipped, Skipped{label, reason, s.name})
	im.Reporter.Say("%s is %s", s.place(login.Entry), reason)
}
