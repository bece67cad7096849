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

// Pool has the methods of *rotation.Pool that an import uses.
type Pool interface {
	Overview(ctx context.Context) (rotation.Overview, error)
	// ContinueFrom makes the account after the one with this id the next one. It does nothing if an
	// account was handed out before.
	ContinueFrom(ctx context.Context, id string) error
}

// Accounts has the methods of *accounts.Accounts that an import uses.
type Accounts interface {
	Held(o rotation.Overview) (accounts.HeldKeys, error)
	Check(ctx context.Context, key keychain.Secret) (rotation.Usage, error)
	Alone(do func() error) error
	Enlist(n rotation.NewAccount, key keychain.Secret, usage rotation.Usage) error
	WarnSharedUsage(o rotation.Overview, self string, usage rotation.Usage)
}

// Env is the environment of an import: os.Getenv and os.UserHomeDir, or substitutes.
type Env struct {
	Getenv func(string) string
	Home   func() (string, error)
}

// Import has the options of an import, and the objects that it uses.
type Import struct {
	Scrub    bool // removes the keys from their files when the keychain has them
	NoVerify bool // does not check the keys with the service

	Accounts Accounts
	Pool     Pool
	Reporter report.Reporter
	Env      Env
}

// Report is the result of an import and the document of `import --json`. Its lists are never nil.
type Report struct {
	Imported []Imported `json:"imported"`
	Skipped  []Skipped  `json:"skipped"`
	Scrubbed []string   `json:"scrubbed"` // paths
	// Failures is the number of keys and sources that failed. A key that is already stored is not a
	// failure.
	Failures int `json:"-"`
}

// Imported is a new account.
type Imported struct {
	Label  string `json:"label"`
	ID     string `json:"id"`
	Source string `json:"source"`
}

// Skipped is a key that was not imported.
type Skipped struct {
	Label  string `json:"label"`
	Reason string `json:"reason"`
	Source string `json:"source"`
}

// NewReport returns an empty report.
func NewReport() Report { return Report{[]Imported{}, []Skipped{}, []string{}, 0} }

// Empty reports whether there was nothing to import or to remove.
func (r Report) Empty() bool { return len(r.Imported)+len(r.Skipped)+len(r.Scrubbed)+r.Failures == 0 }

// importing is one import in progress.
type importing struct {
	Import
	ctx     context.Context
	sources []*source
	held    accounts.HeldKeys
	// revisions has the key revisions of the accounts in held, by id.
	revisions map[string]int
	confirmed []keychain.Secret // the keys that the service accepted during this import
	report    Report
}

// Run imports the keys and the position in the rotation. Then it removes or reports the keys that
// are left in the sources. An error ends the import: the keychain or the pool does not work. If
// only a key or a source fails, Run tells the Reporter and counts the failure in the report.
func (i Import) Run(ctx context.Context, sources *Sources) (Report, error) {
	im := &importing{Import: i, ctx: ctx, sources: sources.found, report: NewReport()}
	im.report.Failures = sources.Failures
	err := im.run()
	return im.report, err
}

func (im *importing) run() error {
	if _, err := im.refresh(); err != nil {
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
	return im.clearSources()
}

// refresh reads the pool. If another process has changed keys, it reads these keys again.
func (im *importing) refresh() (rotation.Overview, error) {
	o, err := im.Pool.Overview(im.ctx)
	if err != nil {
		return o, err
	}
	now := map[string]int{}
	for _, v := range o.Accounts {
		now[v.ID] = v.KeyRev
	}
	if im.revisions != nil && maps.Equal(now, im.revisions) {
		return o, nil
	}
	im.held, err = im.Accounts.Held(o)
	im.revisions = now
	return o, err
}

// continueFrom makes the rotation continue where the rotation of the source stopped.
func (im *importing) continueFrom(logins opencode.Logins) error {
	if logins.Last < 0 {
		return nil
	}
	n := len(logins.Found)
	for i := range n { // search backwards from the source's position
		login := logins.Found[(logins.Last-i+n)%n]
		if held, ok := im.held.Of(login.Key); ok && login.Problem == "" {
			err := im.Pool.ContinueFrom(im.ctx, held.ID)
			if errors.Is(err, rotation.ErrNoSuchAccount) { // another process has removed it meanwhile
				continue
			}
			return err
		}
	}
	return nil
}

// fail reports a failure and counts it.
func (im *importing) fail(message, next string) {
	im.report.Failures++
	im.Reporter.Warn(message, next)
}

// skip reports a key that could not be imported.
func (im *importing) skip(s *source, login opencode.Login, reason string) {
	label := login.Entry
	if login.Label != "" && !s.logins.List {
		label = text.Tidy(login.Label)
	}
	im.report.Skipped = append(im.report.Skipped, Skipped{label, reason, s.name})
	im.fail(fmt.Sprintf("%s was not imported: %s", s.place(label), reason), "")
}

// alreadyThere reports a key that the account called label already has.
func (im *importing) alreadyThere(s *source, login opencode.Login, label string) {
	reason := "already there, as " + label
	im.report.Skipped = append(im.report.Skipped, Skipped{label, reason, s.name})
	im.Reporter.Say("%s is %s", s.place(login.Entry), reason)
}
