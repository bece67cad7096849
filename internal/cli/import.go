package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"ocgo-key/internal/hint"
	"ocgo-key/internal/importer"
	"ocgo-key/internal/report"
	"ocgo-key/internal/term"
	"ocgo-key/internal/text"
)

type importCmd struct {
	From     *string `placeholder:"PATH" complete:"file" help:"Read only this file (- is stdin): auth.json, opencode.db or a configuration of OpenCode, an accounts file of opencode-go-multi-auth, or a list with one key per line and an optional label before each key."`
	Scrub    bool    `help:"Remove the keys from the files once the keychain has them."`
	NoVerify bool    `help:"Do not check the keys with the service."`
	Yes      bool    `short:"y" help:"Do not ask."`
}

func (*importCmd) Help() string {
	return `Without --from it reads OpenCode's auth.json and the database of OpenCode 2, the accounts of the plugin opencode-go-multi-auth, and OPENCODE_API_KEY. Each key is checked with the service, stored in the keychain and read back. Keys that are already stored are reported and skipped, so it is safe to run import again.

Examples:
  ocgo-key import
  ocgo-key import --scrub
  pass show opencode/all | ocgo-key import --from -`
}

// stdinName is the value of --from for standard input.
const stdinName = "-"

func (c *importCmd) Run(a *app) error {
	if c.From != nil && *c.From == "" {
		return hint.On(hint.Input("--from: the path is empty"), "name a file, or - for stdin")
	}
	if c.From != nil && *c.From == stdinName && c.Scrub {
		return hint.On(hint.Input("--scrub: stdin cannot be scrubbed"), "give the file itself: --from PATH --scrub")
	}
	ctx, env := context.Background(), importer.Env{Getenv: a.getenv, Home: os.UserHomeDir}
	sources, err := c.sources(ctx, a, env)
	switch {
	case err != nil:
		return err
	case sources.Empty() && sources.Failures > 0:
		return errors.New("nothing was imported")
	case sources.Empty():
		return c.nothing(a, sources.Looked)
	}
	if err := c.ask(a, sources.Files()); err != nil {
		return err
	}
	pool, err := a.pool()
	if err != nil {
		return err
	}
	im := importer.Import{Scrub: c.Scrub, NoVerify: c.NoVerify, Env: env, Pool: pool, Accounts: a.accounts(pool), Reporter: a.Terminal}
	if a.JSON {
		im.Reporter = report.Warnings(a.Terminal) // the document contains the failures
	}
	done, err := im.Run(ctx, sources)
	switch {
	case err != nil:
		return err
	case done.Empty():
		return c.nothing(a, sources.Looked)
	case a.JSON:
		err = a.Document(done)
	}
	if err == nil && done.Failures > 0 { // importing only some of the keys is a failure
		err = fmt.Errorf("imported %s; %d failed (see above)", text.Count(len(done.Imported), "key", "keys"), done.Failures)
	}
	return err
}

func (c *importCmd) sources(ctx context.Context, a *app, env importer.Env) (*importer.Sources, error) {
	switch {
	case c.From == nil:
		return importer.Usual(ctx, env, c.Scrub, a.Terminal)
	case *c.From == stdinName:
		return importer.Stdin(a.stdin)
	}
	return importer.Named(ctx, *c.From)
}

// nothing reports that an import found no key. This is an error only if the user named the source:
// a second import, after all keys were moved, is fine.
func (c *importCmd) nothing(a *app, looked []string) error {
	message, next := "no key was found; looked at "+strings.Join(looked, ", "), "name a file with --from PATH, or add a key with `ocgo-key add`"
	if c.From != nil {
		return hint.On(errors.New(message), next)
	}
	if a.JSON {
		return a.Document(importer.NewReport())
	}
	a.Say("%s", message)
	return nil
}

// ask asks the user before files are changed, if there is a terminal. Without a terminal, --scrub
// is enough.
func (c *importCmd) ask(a *app, files []string) error {
	if !c.Scrub || len(files) == 0 || !term.IsTerminal(a.stdin) {
		return nil
	}
	return a.confirm(c.Yes, fmt.Sprintf("Move the keys into the keychain, and remove them from %s?", strings.Join(files, ", ")))
}
