package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/install"
	"ocgo-key/internal/text"
)

type installCmd struct {
	Plugin bool `xor:"how" help:"Write a plugin into OpenCode's folder. The default."`
	Shim   bool `xor:"how" help:"Write a small program called opencode, which runs the real one under ocgo-key run. Its folder has to come first on PATH."`
	DryRun bool `help:"Show every line that would be written, and write nothing."`
	Yes    bool `short:"y" help:"Do not ask."`
}

func (*installCmd) Help() string {
	return `Shows what it will write and asks. Files that are not its own are never touched. OPENCODE_CONFIG_DIR and XDG_CONFIG_HOME determine OpenCode's folder. ocgo-key uninstall removes exactly what was written.

Examples:
  ocgo-key install --dry-run
  ocgo-key install --yes
  ocgo-key install --shim`
}

func (c *installCmd) Run(a *app) error {
	where, err := install.Find(a.getenv)
	if err != nil {
		return err
	}
	how, plan := "plugin", where.PluginPlan
	if c.Shim {
		how, plan = "shim", where.ShimPlan
	}
	p, err := plan()
	if err != nil {
		return err
	}
	out := &installed{How: how, DryRun: c.DryRun, Steps: p.Steps()}
	if c.Shim {
		out.Path = where.PathLines()
	}
	switch {
	case c.DryRun:
	case p.Idle():
		if !a.JSON {
			a.Say("the %s is installed already", how)
		}
	default:
		if !a.JSON && !(a.Quiet && c.Yes) {
			showSteps(a.stderr, out.Steps)
		}
		if err := a.confirm(c.Yes, "Write this? (--dry-run shows each line)"); err != nil {
			return err
		}
		if err := p.Apply(); err != nil {
			return err
		}
		if !a.JSON {
			a.Say("installed the %s", how)
		}
	}
	sayUntried(a)
	return showInstalled(a, out, p, c)
}

// sayUntried warns about an OpenCode version that this program was not tested with.
func sayUntried(a *app) {
	path, err := opencode.Find(a.getenv("PATH"))
	if err != nil {
		return
	}
	if p, err := opencode.IdentifyRemembered(a.getenv, path); err == nil && p.Untested() != "" {
		a.Say("%s", text.Line(p.Untested()))
	}
}

// showInstalled prints the result: with --dry-run the planned files, and for a shim the line for
// the shell's profile.
func showInstalled(a *app, out *installed, p *install.Plan, c *installCmd) error {
	if a.JSON {
		return a.Document(out)
	}
	if c.DryRun {
		showSteps(a.stdout, out.Steps)
		err := p.Contents(func(path string, content []byte) error { return a.Print("\n==> %s\n%s", path, content) })
		if err != nil {
			return err
		}
	}
	if len(out.Path) == 0 {
		return nil
	}
	if err := a.Print("Put the line of your shell at the end of its profile, then open a new terminal:\n"); err != nil {
		return err
	}
	for _, l := range out.Path {
		if err := a.Print("  %-10s %-27s %s\n", l.Shell, l.Profile, l.Line); err != nil {
			return err
		}
	}
	return nil
}

// installed is the document of `install --json`.
type installed struct {
	How    string              `json:"how"` // plugin, shim
	DryRun bool                `json:"dry_run"`
	Steps  []install.Step      `json:"steps"`
	Path   []opencode.PathLine `json:"path,omitempty"` // for a shim whose folder is not first on PATH
}

// showSteps prints one line for each step.
func showSteps(w io.Writer, steps []install.Step) {
	for _, s := range steps {
		_, _ = fmt.Fprintln(w, s)
	}
}

type uninstallCmd struct {
	DryRun bool `help:"Show what would be removed, and remove nothing."`
	Yes    bool `short:"y" help:"Accepted for scripts; uninstall never asks."`
}

func (*uninstallCmd) Help() string {
	return `Removes what ocgo-key install wrote: the plugin, the shim, and their folders if they are empty. Accounts and keys stay.

Examples:
  ocgo-key uninstall --dry-run
  ocgo-key uninstall`
}

func (c *uninstallCmd) Run(a *app) error {
	where, err := install.Find(a.getenv)
	if err != nil {
		return err
	}
	r, err := where.Remains()
	if err != nil {
		return err
	}
	steps := r.Steps()
	if !c.DryRun {
		steps, err = r.Remove()
	}
	for _, path := range r.Foreign {
		a.Warn(path+" has changed since ocgo-key wrote it: not removed", "")
	}
	switch {
	case err != nil:
		return err
	case a.JSON:
		err = a.Document(map[string]any{"dry_run": c.DryRun, "steps": steps})
	case c.DryRun:
		showSteps(a.stdout, steps)
	case len(steps) == 0 && len(r.Foreign) == 0:
		a.Say("nothing was installed")
	default:
		var gone []string
		for _, s := range steps {
			gone = append(gone, s.Path)
		}
		a.Say("removed %s", strings.Join(gone, ", "))
	}
	if err == nil && len(r.Foreign) > 0 {
		return hint.As(hint.ErrExists, errors.New("not everything was removed"))
	}
	return err
}
