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
	// DockerProgramPrefix begins the name of the helper's program.
	DockerProgramPrefix = "docker-credential-"
)

const (
	// serverPrefix turns an account id into a server URL. Helpers parse the URL, so it needs a host
	// and a usual scheme. osxkeychain and wincred find entries by this URL. ".invalid" is never a
	// real host (RFC 2606).
	serverPrefix = "https://ocgo-key.invalid/"
	// maxHelperOutput is how many bytes of a helper's output are read at most. A list of a thousand
	// registries is about 60 kB.
	maxHelperOutput = 1 << 20
	// helperGrace is how long other processes may keep the pipes of an ended helper open.
	helperGrace = 500 * time.Millisecond
)

// CheckDockerName returns an error if NAME in docker:NAME can't be the name of a helper.
func CheckDockerName(name string) error {
	odd := strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", r)
	})
	if odd || strings.Trim(name, "._-") != name || name == "" {
		return fmt.Errorf("%q is not the name of a docker credential helper; the name of the program docker-credential-pass, for example, is pass", name)
	}
	return nil
}

// NewDocker returns the store in a docker credential helper: the program docker-credential-NAME on
// the PATH, which speaks docker's protocol (https://github.com/docker/docker-credential-helpers).
// An account's key is the secret of the user ID at the server https://ocgo-key.invalid/ID.
//
// A key goes to the helper on stdin, and comes back on stdout. What the helper writes to stderr is
// dropped. A call returns when its context ends, or after DefaultBudget if the context has no
// deadline. If the helper is still running then, the call kills it and all processes that it
// started (on Windows only the helper). Calls are made one at a time, since few helpers support
// concurrent calls. name must be valid for CheckDockerName.
func NewDocker(name string) Store {
	return &dockerStore{name: name, busy: make(chan struct{}, 1)}
}

type dockerStore struct {
	name string
	busy chan struct{} // holds one element while a helper runs
}

func (d *dockerStore) Name() string { return DockerPrefix + d.name }

func (d *dockerStore) Get(ctx context.Context, id string) (Secret, error) {
	var secret Secret
	err := d.do(ctx, "get", id, func(h *dockerHelper) (err error) {
		secret, err = h.get(id)
		if err == nil || !errors.Is(err, ErrNotFound) && !h.failedSilently {
			return err
		}
		switch listed := h.lists(id); {
		case listed:
			// If the keyring is locked, some helpers report "not found" or crash.
			return &Error{
				Kind: Locked,
				Err:  errors.New(h.program + " lists the key, but does not return it"),
				Hint: "unlock the keychain that it uses, and try again",
			}
		case h.ctx.Err() != nil:
			return h.contextEnded()
		}
		return err
	})
	return secret, err
}

func (d *dockerStore) Set(ctx context.Context, id string, secret Secret) error {
	if err := checkSecret(secret); err != nil {
		return call{d.Name(), "set", id}.fail(err)
	}
	return d.do(ctx, "set", id, func(h *dockerHelper) error {
		return h.run(secret, func(p client.ProgramFunc) error {
			return client.Store(p, &credentials.Credentials{ServerURL: DockerServerURL(id), Username: id, Secret: secret.Reveal()})
		})
	})
}

// Delete reads the key before and after the deletion, since some helpers report success although
// they deleted nothing.
func (d *dockerStore) Delete(ctx context.Context, id string) error {
	return d.do(ctx, "delete", id, func(h *dockerHelper) error {
		if _, err := h.get(id); err != nil && (!errors.Is(err, ErrNotFound) || !h.lists(id)) {
			return err
		}
		if err := h.run(Secret{}, func(p client.ProgramFunc) error { return client.Erase(p, DockerServerURL(id)) }); err != nil {
			return err
		}
		_, err := h.get(id)
		gone := errors.Is(err, ErrNotFound)
		switch {
		case err == nil || gone && h.lists(id):
			return &Error{Kind: Refused, Err: errors.New(h.program + " still holds the key"), Hint: "delete the key there by hand"}
		case gone:
			return nil
		}
		return err
	})
}

// Inspect returns the ids that the helper lists.
func (d *dockerStore) Inspect(ctx context.Context) (Inspection, error) {
	found := Inspection{Complete: true}
	err := d.withHelper(ctx, call{store: d.Name()}, func(h *dockerHelper) error {
		servers, err := h.list()
		for server := range servers {
			if id, ours := accountID(server); ours {
				found.IDs = append(found.IDs, id)
			}
		}
		slices.Sort(found.IDs)
		return err
	})
	if err != nil {
		return Inspection{}, err
	}
	return found, nil
}

// DockerServerURL returns the server URL under which a docker credential helper stores the key of
// id.
func DockerServerURL(id string) string { return serverPrefix + url.PathEscape(id) }

func accountID(server string) (id string, ours bool) {
	escaped, ours := strings.CutPrefix(server, serverPrefix)
	id, err := url.PathUnescape(escaped)
	return id, ours && err == nil && id != ""
}

func (d *dockerStore) do(ctx context.Context, op, id string, work func(*dockerHelper) error) error {
	c := call{d.Name(), op, id}
	if err := c.check(ctx); err != nil {
		return err
	}
	return d.withHelper(ctx, c, work)
}

// withHelper waits until no other call uses the helper, and then runs work with it.
func (d *dockerStore) withHelper(ctx context.Context, c call, work func(*dockerHelper) error) error {
	if err := ctx.Err(); err != nil {
		return c.fail(contextEnded(err, 0))
	}
	ctx, cancel := WithBudget(ctx)
	defer cancel()
	h := &dockerHelper{ctx: ctx, program: DockerProgramPrefix + d.name, budget: remaining(ctx)}
	select {
	case d.busy <- struct{}{}:
	case <-ctx.Done():
		return c.fail(h.contextEnded())
	}
	defer func() { <-d.busy }()
	path, err := exec.LookPath(h.program)
	if err != nil {
		return c.fail(&Error{
			Kind: NoKeychain,
			Err:  fmt.Errorf("there is no program %s on the PATH", h.program),
			Hint: "install it, or choose another store with --store",
		})
	}
	h.path = path
	return c.fail(work(h))
}

// A dockerHelper is a docker credential helper during one call of the store. The call may run the
// helper several times.
type dockerHelper struct {
	ctx            context.Context
	program        string // its name, as shown to the user
	path           string
	budget         time.Duration
	failedSilently bool // the last run failed without any output
}

func (h *dockerHelper) get(id string) (Secret, error) {
	var found *credentials.Credentials
	err := h.run(Secret{}, func(p client.ProgramFunc) (err error) {
		found, err = client.Get(p, DockerServerURL(id))
		return err
	})
	switch {
	case err != nil:
		return Secret{}, err
	case found.Username == "" && found.Secret == "", found.Username != id:
		// Some helpers return an empty credential for "not found". Others match servers with
		// similar names, and may return another account's entry.
		return Secret{}, errNotFound
	case found.Secret == "":
		return Secret{}, &Error{Err: errors.New("the key in " + h.program + " is empty"), Hint: errNotFound.Hint}
	}
	return NewSecret(found.Secret), nil
}

func (h *dockerHelper) list() (servers map[string]string, err error) {
	err = h.run(Secret{}, func(p client.ProgramFunc) (err error) {
		servers, err = client.List(p)
		return err
	})
	return servers, err
}

// lists reports whether the helper lists the account; false if the list fails.
func (h *dockerHelper) lists(id string) bool {
	servers, err := h.list()
	_, listed := servers[DockerServerURL(id)]
	return err == nil && listed
}

// run runs the helper once. secret is the key that it receives, if any.
func (h *dockerHelper) run(secret Secret, request func(client.ProgramFunc) error) error {
	p := &helperProcess{dockerHelper: h}
	err := request(func(args ...string) client.Program {
		p.args = args
		return p
	})
	exit, exited := errors.AsType[*exec.ExitError](p.err)
	switch {
	case err == nil:
		return nil
	case p.out.overflowed:
		return &Error{Err: fmt.Errorf("%s wrote more than %d bytes", h.program, maxHelperOutput), Hint: h.tryHint()}
	case h.ctx.Err() != nil:
		return h.contextEnded()
	case errors.Is(p.err, fs.ErrPermission), errors.Is(p.err, fs.ErrNotExist):
		return &Error{Kind: NoKeychain, Err: errors.New(h.program + " can't be started"), Hint: "check that " + h.path + " is a program that you may run"}
	case p.err == nil:
		return &Error{Err: errors.New(h.program + " returned no valid credential"), Hint: h.tryHint()}
	case credentials.IsErrCredentialsNotFound(err):
		return errNotFound
	case exited:
		return h.explain(p.out.String(), exit, secret)
	}
	return &Error{Err: fmt.Errorf("%s failed: %s", h.program, sanitize(p.err, secret)), Hint: h.tryHint()}
}

// contextEnded returns the error for a helper that was still running when its context ended.
func (h *dockerHelper) contextEnded() *Error {
	e := contextEnded(h.ctx.Err(), h.budget)
	e.Hint = "check for a prompt on the screen; " + h.tryHint()
	return e
}

func (h *dockerHelper) tryHint() string { return fmt.Sprintf("check that `%s list` works", h.program) }

// A helperProcess is one run of the helper, as a client.Program.
type helperProcess struct {
	*dockerHelper
	args []string
	in   io.Reader
	out  boundedBuffer
	err  error
}

func (p *helperProcess) Input(in io.Reader) { p.in = in }

func (p *helperProcess) Output() ([]byte, error) {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	p.out.onOverflow = cancel
	cmd := exec.CommandContext(ctx, p.path, p.args...)
	cmd.Stdin, cmd.Stdout = p.in, &p.out
	cmd.WaitDelay = helperGrace
	p.err = runAsGroup(cmd)
	if errors.Is(p.err, exec.ErrWaitDelay) {
		p.err = nil // the helper succeeded, but a process that it started, such as an agent, keeps stdout open
	}
	return p.out.Bytes(), p.err
}

// A boundedBuffer holds at most maxHelperOutput bytes. A write beyond that fails and calls
// onOverflow.
type boundedBuffer struct {
	bytes.Buffer
	overflowed bool
	onOverflow func()
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxHelperOutput {
		b.overflowed = true
		b.onOverflow()
		return 0, errors.New("full")
	}
	return b.Buffer.Write(p)
}

// ReadFrom calls Write. The ReadFrom of bytes.Buffer would bypass the limit.
func (b *boundedBuffer) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{b}, r)
}
