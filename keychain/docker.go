package keychain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"
)

const (
	// DockerPrefix begins the name of a store that is a docker credential helper.
	DockerPrefix = "docker:"
	// DockerProgram begins the name of the helper's program.
	DockerProgram = "docker-credential-"
)

const (
	// serverPrefix makes a server URL of an account id. Helpers take apart what
	// they are given: it has to have a scheme that they know and a host, and
	// osxkeychain and wincred find entries by it. ".invalid" is nobody's
	// (RFC 2606).
	serverPrefix = "https://ocgo-key.invalid/"
	// maxHelperOutput bounds in bytes what is read of a helper. A list of a
	// thousand registries is about 60 kB.
	maxHelperOutput = 1 << 20
	// helperGrace is how long the pipes of a helper that was ended may stay
	// open in the hands of others.
	helperGrace = 500 * time.Millisecond
)

// CheckDockerName says whether NAME in docker:NAME can be that of a helper.
func CheckDockerName(name string) error {
	odd := strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", r)
	})
	if odd || strings.Trim(name, "._-") != name || name == "" {
		return fmt.Errorf("%q is not the name of a docker credential helper: it is what follows docker-credential- in the program's name, such as pass or secretservice", name)
	}
	return nil
}

// NewDocker returns the store in a docker credential helper: the program
// docker-credential-NAME on the PATH, which speaks docker's protocol
// (https://github.com/docker/docker-credential-helpers). An account's key is
// the secret of the user ID at the server https://ocgo-key.invalid/ID.
//
// A key goes to the helper on stdin, and comes back on stdout. What it writes
// to stderr is dropped. A call ends with its context, or after DefaultBudget
// if the context has no deadline, and the helper with all that it started ends
// then too (on Windows it alone). Calls are made one at a time, as few helpers
// expect anything else. name has passed CheckDockerName.
func NewDocker(name string) Store {
	return &dockerStore{name: name, turn: make(chan struct{}, 1)}
}

type dockerStore struct {
	name string
	turn chan struct{} // holds one element while a helper is at work
}

func (d *dockerStore) Name() string { return DockerPrefix + d.name }

func (d *dockerStore) Get(ctx context.Context, id string) (Secret, error) {
	var secret Secret
	err := d.do(ctx, "get", id, func(h *helper) error {
		var err error
		secret, err = h.get(id)
		if err == nil || !errors.Is(err, ErrNotFound) && !h.mute {
			return err
		}
		switch listed := h.lists(id); {
		case listed:
			// In front of a locked keyring a helper finds nothing and says so,
			// or falls over.
			return &failure{
				kind: Locked,
				msg:  h.program + " lists it, but does not give it out",
				hint: "unlock what is behind it, and try again",
			}
		case h.ctx.Err() != nil:
			return h.ended()
		}
		return err
	})
	return secret, err
}

func (d *dockerStore) Set(ctx context.Context, id string, secret Secret) error {
	if err := checkSecret(secret); err != nil {
		return at(err, d.Name(), "set", id)
	}
	return d.do(ctx, "set", id, func(h *helper) error {
		return h.run(secret, func(p client.ProgramFunc) error {
			return client.Store(p, &credentials.Credentials{ServerURL: server(id), Username: id, Secret: secret.Reveal()})
		})
	})
}

// Delete looks before and after: some helpers take it for done where there
// was nothing, and a user who was told that a key is gone relies on it.
func (d *dockerStore) Delete(ctx context.Context, id string) error {
	return d.do(ctx, "delete", id, func(h *helper) error {
		if _, err := h.get(id); err != nil && (!errors.Is(err, ErrNotFound) || !h.lists(id)) {
			return err
		}
		if err := h.run(Secret{}, func(p client.ProgramFunc) error { return client.Erase(p, server(id)) }); err != nil {
			return err
		}
		_, err := h.get(id)
		none := errors.Is(err, ErrNotFound)
		switch {
		case err == nil, none && h.lists(id):
			return &failure{kind: Refused, msg: h.program + " still holds it", hint: "delete it there by hand"}
		case none:
			return nil
		}
		return err
	})
}

// Inspect lists the ids that the helper lists.
func (d *dockerStore) Inspect(ctx context.Context) (Inspection, error) {
	seen := Inspection{Lists: true}
	err := d.call(ctx, "", "", func(h *helper) error {
		servers, err := h.list()
		for address := range servers {
			if id, ours := account(address); ours {
				seen.IDs = append(seen.IDs, id)
			}
		}
		slices.Sort(seen.IDs)
		return err
	})
	if err != nil {
		return Inspection{}, err
	}
	return seen, nil
}

// DockerServer is the server at which a docker credential helper has the key of id.
func DockerServer(id string) string { return server(id) }

func server(id string) string { return serverPrefix + url.PathEscape(id) }

func account(server string) (string, bool) {
	escaped, ours := strings.CutPrefix(server, serverPrefix)
	id, err := url.PathUnescape(escaped)
	return id, ours && err == nil && id != ""
}

func (d *dockerStore) do(ctx context.Context, op, id string, work func(*helper) error) error {
	if err := checkID(id); err != nil {
		return at(err, d.Name(), op, id)
	}
	return d.call(ctx, op, id, work)
}

func (d *dockerStore) call(ctx context.Context, op, id string, work func(*helper) error) error {
	if err := ctx.Err(); err != nil {
		return ended(err, 0).at(d.Name(), op, id)
	}
	ctx, cancel := budgeted(ctx)
	defer cancel()
	deadline, _ := ctx.Deadline()
	h := &helper{ctx: ctx, program: DockerProgram + d.name, budget: time.Until(deadline)}
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return h.ended().at(d.Name(), op, id)
	}
	defer func() { <-d.turn }()
	path, err := exec.LookPath(h.program)
	if err != nil {
		missing := &failure{
			kind: NoKeychain,
			msg:  fmt.Sprintf("there is no program %s on the PATH", h.program),
			hint: "install it, or choose another store with --store",
		}
		return missing.at(d.Name(), op, id)
	}
	h.path = path
	if err := work(h); err != nil {
		return at(err, d.Name(), op, id)
	}
	return nil
}

// A helper is a docker credential helper for the time of one call of ours,
// which may take it several of its own.
type helper struct {
	ctx     context.Context
	program string // as people know it
	path    string
	budget  time.Duration
	mute    bool // the last run failed without a word
}

func (h *helper) get(id string) (Secret, error) {
	var found *credentials.Credentials
	err := h.run(Secret{}, func(p client.ProgramFunc) (err error) {
		found, err = client.Get(p, server(id))
		return err
	})
	switch {
	case err != nil:
		return Secret{}, err
	case found.Username == "" && found.Secret == "", found.Username != id:
		// How some say that there is none; others take a likeness of the server
		// for the server, and what they found is another account's.
		return Secret{}, notFound
	case found.Secret == "":
		return Secret{}, &failure{msg: h.program + " holds an empty one", hint: notFound.hint}
	}
	return NewSecret(found.Secret), nil
}

func (h *helper) list() (servers map[string]string, err error) {
	err = h.run(Secret{}, func(p client.ProgramFunc) (err error) {
		servers, err = client.List(p)
		return err
	})
	return servers, err
}

// lists reports whether the helper knows of the account; false where it can't tell.
func (h *helper) lists(id string) bool {
	servers, err := h.list()
	_, there := servers[server(id)]
	return err == nil && there
}

// run makes one call of the helper's. secret is what the call carries.
func (h *helper) run(secret Secret, call func(client.ProgramFunc) error) error {
	p := &program{helper: h}
	err := call(func(args ...string) client.Program {
		p.args = args
		return p
	})
	switch exit := new(exec.ExitError); {
	case err == nil:
		return nil
	case p.out.over:
		return &failure{msg: fmt.Sprintf("%s said more than %d bytes", h.program, maxHelperOutput), hint: h.trial()}
	case h.ctx.Err() != nil:
		return h.ended()
	case errors.Is(p.err, fs.ErrPermission), errors.Is(p.err, fs.ErrNotExist):
		return &failure{kind: NoKeychain, msg: h.program + " can't be started", hint: "see whether " + h.path + " is a program that you may run"}
	case p.err == nil:
		return &failure{msg: h.program + " answered with what is no credential", hint: h.trial()}
	case credentials.IsErrCredentialsNotFound(err):
		return notFound
	case errors.As(p.err, &exit):
		return h.explain(p.out.String(), exit, secret)
	}
	return &failure{msg: fmt.Sprintf("%s failed: %s", h.program, clean(p.err, secret)), hint: h.trial()}
}

// ended says that the helper did not get done in time.
func (h *helper) ended() *failure {
	f := ended(h.ctx.Err(), h.budget)
	f.hint = "see whether a question on the screen waits for you; " + h.trial()
	return f
}

func (h *helper) trial() string { return fmt.Sprintf("see whether `%s list` works", h.program) }

// program is one run of the helper, as docker's client has it.
type program struct {
	*helper
	args []string
	in   io.Reader
	out  bounded
	err  error
}

func (p *program) Input(in io.Reader) { p.in = in }

func (p *program) Output() ([]byte, error) {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	p.out.full = cancel
	cmd := exec.CommandContext(ctx, p.path, p.args...)
	cmd.Stdin, cmd.Stdout = p.in, &p.out
	cmd.WaitDelay = helperGrace
	p.err = runAsGroup(cmd)
	if errors.Is(p.err, exec.ErrWaitDelay) {
		p.err = nil // it ended well; what it left running, an agent say, still has its stdout
	}
	return p.out.Bytes(), p.err
}

// bounded is a buffer that calls full, and takes no more, when it is.
type bounded struct {
	bytes.Buffer
	over bool
	full func()
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxHelperOutput {
		b.over = true
		b.full()
		return 0, errors.New("full")
	}
	return b.Buffer.Write(p)
}

// ReadFrom would bypass Write.
func (b *bounded) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{b}, r)
}
