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

// Pool is the part of the rotation that an import uses.
type Pool interface {
	Overview(ctx context.Context) (rotation.Overview, error)
	// ContinueFrom makes the rotation continue after the account with this id, unless an account was
	// handed out before.
	ContinueFrom(ctx context.Context, id string) error
}

// Accounts is the part of *accounts.Accounts that an import uses.
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

// Import holds the options of an import and the parts that it works on.
type Import struct {
	Scrub    bool // removes the keys from their files once the keychain has them
	NoVerify bool // does not check the keys with the service

	Accounts Accounts
	Pool     Pool
	Reporter report.Reporter
	Env      Env
}

// Report is the result of an import, and the document of `import --json`. Its lists are never nil.
type Report struct {
	Imported []Imported `json:"imported"`
	Skipped  []Skipped  `json:"skipped"`
	Scrubbed []string   `json:"scrubbed"` // paths
	// Failures is the number of failures. A key that is already stored is not a failure.
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

// NewReport returns the report of an import that found nothing.
func NewReport() Report { return Report{[]Imported{}, []Skipped{}, []string{}, 0} }

// Empty reports whether there was nothing to import or to remove.
func (r Report) Empty() bool { return len(r.Imported)+len(r.Skipped)+len(r.Scrubbed)+r.Failures == 0 }

// importing is one import in progress.
type importing struct {
	Import
	ctx     context.Context
	sources []*source
	held    accounts.HeldKeys
	// revisions are the KeyRev of the accounts in held, by id.
	revisions map[string]int
	confirmed []keychain.Secret // the keys that the service accepted during this import
	report    Report
}

// Run imports the keys, then the position in the rotation, and then removes or reports the keys left
// in the sources. An error means that the keychain or the pool does not work, and ends the import;
// failures of single keys and sources go to the Reporter, and are counted in the report.
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

// refresh reads the pool, and reads its keys again if another process has changed them.
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

// continueFrom makes the rotation continue where the source's rotation stopped.
func (im *importing) continueFrom(logins opencode.Logins) error {
	if logins.Last < 0 {
		return nil
	}
	n := len(logins.Found)
	for i := range n { // the last account handed out that the pool has
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
