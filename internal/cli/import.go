package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/paths"
	"ocgo-key/internal/process"
	"ocgo-key/internal/term"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

type importCmd struct {
	From     *string `placeholder:"PATH" complete:"file" help:"Read this file alone (- is stdin): auth.json, opencode.db or a configuration of OpenCode, an accounts file of opencode-go-multi-auth, or a list with one key on a line, a label before it if you like."`
	Scrub    bool    `help:"Take the keys out of the files, once the keychain has them."`
	NoVerify bool    `help:"Do not check the keys with the service."`
	Yes      bool    `short:"y" help:"Do not ask."`
}

func (*importCmd) Help() string {
	return `Without --from it looks at OpenCode's auth.json and the database of OpenCode 2, the accounts of the plugin opencode-go-multi-auth, and OPENCODE_API_KEY. Each key is checked as add does, goes into the keychain and is read back. Keys that are there already are named, not doubled, so that it can be run again at any time.

Examples:
  ocgo-key import
  ocgo-key import --scrub
  pass show opencode/all | ocgo-key import --from -`
}

// standInPrefix begins what stands for the pool where a key would: a gateway's token.
const standInPrefix = "ocgo-"

// The shape of `import --json` is a contract.
type (
	importJSON struct {
		Imported []importedJSON `json:"imported"`
		Skipped  []skippedJSON  `json:"skipped"`
		Scrubbed []string       `json:"scrubbed"`
	}
	importedJSON struct {
		Label  string `json:"label"`
		ID     string `json:"id"`
		Source string `json:"source"`
	}
	skippedJSON struct {
		Label  string `json:"label"`
		Reason string `json:"reason"`
		Source string `json:"source"`
	}
)

// importing is one import while it is at work.
type importing struct {
	*importCmd
	app     *app
	ctx     context.Context
	file    *state.File
	pool    *rotation.Pool
	sources []*source
	held    heldKeys
	// known are the accounts whose keys are in held, with their KeyRev; confirmed the keys that the service knew in this run.
	known     map[string]int
	confirmed []keychain.Secret
	report    importJSON
	trouble   int // how much went wrong, other than by keys that are there already
}

func (c *importCmd) Run(a *app) error {
	if c.From != nil && *c.From == "" {
		return hint.On(hint.Input("--from: the path is empty"), "name a file, or - for stdin")
	}
	if c.From != nil && *c.From == stdinName && c.Scrub {
		return hint.On(hint.Input("--scrub: stdin cannot be scrubbed"), "give the file itself: --from PATH --scrub")
	}
	sources, looked, trouble, err := c.sources(a)
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		if trouble > 0 {
			return errors.New("nothing was imported")
		}
		return c.nothing(a, looked)
	}
	if err := c.ask(a, sources); err != nil {
		return err
	}
	im := &importing{importCmd: c, app: a, ctx: context.Background(), sources: sources, trouble: trouble, report: emptyImport()}
	if err := im.open(); err != nil {
		return err
	}
	if err := im.all(); err != nil {
		return err
	}
	if im.foundNothing() {
		return c.nothing(a, looked)
	}
	return im.end()
}

// foundNothing reports whether no source had anything to import or to take out.
func (im *importing) foundNothing() bool {
	r := im.report
	return len(r.Imported)+len(r.Skipped)+len(r.Scrubbed)+im.trouble == 0
}

// nothing ends an import that found no key. Only who named a source missed one: it is not wrong to import again when
// all is moved.
func (c *importCmd) nothing(a *app, looked []string) error {
	message, next := "no key was found; looked at "+strings.Join(looked, ", "), "name a file with --from PATH, or add a key with `ocgo-key add`"
	if c.From != nil {
		return hint.On(errors.New(message), next)
	}
	if a.JSON {
		return a.Document(emptyImport())
	}
	a.Say("%s", message)
	return nil
}

func emptyImport() importJSON { return importJSON{[]importedJSON{}, []skippedJSON{}, []string{}} }

// ask makes sure that files are to be changed, where there is a person: one who gave --scrub in a script meant it.
func (c *importCmd) ask(a *app, sources []*source) error {
	var files []string
	for _, s := range sources {
		if s.path != "" && len(s.logins.Found) > 0 {
			files = append(files, s.path)
		}
	}
	if !c.Scrub || len(files) == 0 || !term.IsTerminal(a.stdin) {
		return nil
	}
	return a.confirm(c.Yes, fmt.Sprintf("Move the keys into the keychain, and take them out of %s?", strings.Join(files, ", ")))
}

func (im *importing) open() error {
	dir, err := paths.StateDir(im.app.getenv, os.UserHomeDir)
	if err != nil {
		return err
	}
	im.file = state.OpenFile(dir, time.Now, func(message string) { im.app.Warn(message, "") })
	im.pool = rotation.New(im.file, time.Now, process.Alive)
	_, err = im.look()
	return err
}

// all takes the keys in, then the rotation's position, and only then looks at what is left in the sources.
func (im *importing) all() error {
	for _, s := range im.sources {
		for _, login := range s.logins.Found {
			if err := im.take(s, login); err != nil {
				return err
			}
		}
	}
	for _, s := range im.sources {
		if err := im.goOnFrom(s.logins); err != nil {
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
	if strings.HasPrefix(login.Key.Reveal(), standInPrefix) {
		const reason = "it stands for the pool, and is no key"
		im.report.Skipped = append(im.report.Skipped, skippedJSON{login.Entry, reason, s.name})
		im.say("%s was not imported: %s", placeIn(s, login.Entry), reason)
		return nil
	}
	if _, err := im.look(); err != nil {
		return err
	}
	known, there := im.held.of(login.Key)
	var usage rotation.Usage
	// What is there already is asked for only before it is taken out of a file, and once.
	if !there || im.Scrub && s.path != "" && !im.isConfirmed(login.Key) {
		var err error
		if usage, err = im.check(s, login.Entry, login.Key); err != nil && !there {
			im.skip(s, login, err.Error())
			return nil
		} else if err != nil {
			im.app.Warn(placeIn(s, login.Entry)+": "+err.Error(), "")
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
	im.say("imported %s from %s", own.Label, s.name)
	return nil
}

// skip tells of a key that should have come in, and could not.
func (im *importing) skip(s *source, login opencode.Login, reason string) {
	im.trouble++
	label := login.Entry
	if login.Label != "" && !s.logins.List {
		label = text.Tidy(login.Label)
	}
	im.report.Skipped = append(im.report.Skipped, skippedJSON{label, reason, s.name})
	im.app.Warn(fmt.Sprintf("%s was not imported: %s", placeIn(s, label), reason), "")
}

// alreadyThere tells of a key that need not come in. label is the account's.
func (im *importing) alreadyThere(s *source, login opencode.Login, label string) {
	reason := "already there, as " + label
	im.report.Skipped = append(im.report.Skipped, skippedJSON{label, reason, s.name})
	im.say("%s is %s", placeIn(s, login.Entry), reason)
}

// say tells people; with --json the document does.
func (im *importing) say(format string, args ...any) {
	if !im.app.JSON {
		im.app.Say(format, args...)
	}
}

// goOnFrom makes the rotation go on where the source's stopped, unless this pool has handed out an account itself.
func (im *importing) goOnFrom(logins opencode.Logins) error {
	if logins.Last < 0 {
		return nil
	}
	n := len(logins.Found)
	for i := range n { // an account that is not here leaves its place to the one before it
		login := logins.Found[(logins.Last-i+n)%n]
		if v, ok := im.held.of(login.Key); ok && login.Problem == "" {
			return im.file.Update(im.ctx, func(s *state.State) error {
				if s.Last == "" {
					s.Last = v.ID
				}
				return nil
			})
		}
	}
	return nil
}

// end prints the report; an import that left something behind is no success.
func (im *importing) end() error {
	if im.app.JSON {
		if err := im.app.Document(im.report); err != nil {
			return err
		}
	}
	if im.trouble > 0 {
		return fmt.Errorf("not all went well: %s imported, %s", text.Count(len(im.report.Imported), "key", "keys"), text.Count(im.trouble, "trouble", "troubles"))
	}
	return nil
}

// importLabel makes a free label of the one in the source: a label that does not fit here is no reason to leave a
// key where it lies.
func importLabel(o rotation.Overview, wanted string) string {
	base := shorten(strings.TrimLeft(text.Tidy(wanted), "- "), maxLabel)
	if checkLabel(base) != nil {
		return o.FreeLabel()
	}
	label := base
	for n := 2; ; n++ {
		if _, err := o.Find(label); err != nil {
			return label
		}
		suffix := fmt.Sprintf(" %d", n)
		label = shorten(base, maxLabel-len(suffix)) + suffix
	}
}

// shorten cuts text to at most n characters.
func shorten(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		text = strings.TrimSpace(string(runes[:n]))
	}
	return text
}
