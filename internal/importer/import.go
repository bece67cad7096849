package importer

import (
	"context"
	"fmt"
	"strings"

	"ocgo-key/helper/accounts"
	"ocgo-key/helper/opencode"
	"ocgo-key/internal/keyform"
	"ocgo-key/internal/report"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// A Report is what came of an import.
type Report struct {
	Imported []Imported `json:"imported"`
	Skipped  []Skipped  `json:"skipped"`
	Scrubbed []string   `json:"scrubbed"` // paths of files
}

// Imported is a key that is an account now.
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

// EmptyReport is that of an import that found nothing.
func EmptyReport() Report { return Report{[]Imported{}, []Skipped{}, []string{}} }

// importing is one import while it is at work.
type importing struct {
	*Sources
	ctx      context.Context
	accounts *accounts.Accounts
	tell     report.Reporter
	held     accounts.HeldKeys
	// known are the accounts whose keys are in held, with their KeyRev; confirmed the keys that the service knew in this run.
	known     map[string]int
	confirmed []keychain.Secret
	report    Report
	trouble   int // how much went wrong, other than by keys that are there already
}

// Import brings the keys in, each as a transaction of its own, so that it can be run again at any time; then it takes what
// is safe out of the files, if that was asked for, and tells of what still lies there. trouble is how much was left
// behind, unreadable places included. The error means that the store or the state does not work.
func (s *Sources) Import(ctx context.Context, a *accounts.Accounts, tell report.Reporter) (r Report, trouble int, err error) {
	im := &importing{Sources: s, ctx: ctx, accounts: a, tell: tell, report: EmptyReport(), trouble: s.Trouble}
	if _, err := im.look(); err != nil {
		return im.report, im.trouble, err
	}
	err = im.all()
	return im.report, im.trouble, err
}

// all takes the keys in, then the rotation's position, and only then looks at what is left in the sources.
func (im *importing) all() error {
	for _, s := range im.found {
		for _, login := range s.logins.Found {
			if err := im.take(s, login); err != nil {
				return err
			}
		}
	}
	for _, s := range im.found {
		if err := im.continueFrom(s.logins); err != nil {
			return err
		}
	}
	return im.tidy()
}

// take brings one key into the pool. Its error ends the import: the keychain or the state does not work.
func (im *importing) take(s *source, login opencode.Login) error {
	if login.Problem != "" {
		im.skip(s, login, login.Problem)
		return nil
	}
	if strings.HasPrefix(login.Key.Reveal(), keyform.StandIn) {
		const reason = "it stands for the pool, and is no key"
		im.report.Skipped = append(im.report.Skipped, Skipped{login.Entry, reason, s.name})
		im.tell.Say("%s was not imported: %s", placeIn(s, login.Entry), reason)
		return nil
	}
	if _, err := im.look(); err != nil {
		return err
	}
	known, there := im.held.Of(login.Key)
	var usage rotation.Usage
	// What is there already is asked for only before it is taken out of a file, and once.
	if !there || im.Scrub && s.path != "" && !im.isConfirmed(login.Key) {
		var err error
		if usage, err = im.check(s, login.Entry, login.Key); err != nil && !there {
			im.skip(s, login, err.Error())
			return nil
		} else if err != nil {
			im.tell.Warn(placeIn(s, login.Entry)+": "+err.Error(), "")
		}
	}
	if there {
		im.alreadyThere(s, login, known.Label)
		return nil
	}
	own, label, err := im.enter(login, usage)
	if err != nil {
		return err
	}
	if label != "" {
		im.alreadyThere(s, login, label)
		return nil
	}
	own.Source = s.name
	im.report.Imported = append(im.report.Imported, own)
	im.tell.Say("imported %s from %s", own.Label, s.name)
	return nil
}

// skip tells of a key that should have come in, and could not.
func (im *importing) skip(s *source, login opencode.Login, reason string) {
	im.trouble++
	label := login.Entry
	if login.Label != "" && !s.logins.List {
		label = text.Tidy(login.Label)
	}
	im.report.Skipped = append(im.report.Skipped, Skipped{label, reason, s.name})
	im.tell.Warn(fmt.Sprintf("%s was not imported: %s", placeIn(s, label), reason), "")
}

// alreadyThere tells of a key that need not come in. label is the account's.
func (im *importing) alreadyThere(s *source, login opencode.Login, label string) {
	reason := "already there, as " + label
	im.report.Skipped = append(im.report.Skipped, Skipped{label, reason, s.name})
	im.tell.Say("%s is %s", placeIn(s, login.Entry), reason)
}

// continueFrom makes the rotation go on where the source's stopped, unless this pool has handed out an account itself.
func (im *importing) continueFrom(logins opencode.Logins) error {
	if logins.Last < 0 {
		return nil
	}
	n := len(logins.Found)
	for i := range n { // an account that is not here leaves its place to the one before it
		login := logins.Found[(logins.Last-i+n)%n]
		if v, ok := im.held.Of(login.Key); ok && login.Problem == "" {
			return im.accounts.Pool.ContinueFrom(im.ctx, v.ID)
		}
	}
	return nil
}
