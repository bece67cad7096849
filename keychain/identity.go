package keychain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"

	"ocgo-key/internal/text"
)

// A source is where the text of an age identity comes from.
type source struct {
	name   string // as the user gave it
	shared bool
	bad    error // what is wrong with it before it is read

	// Of a descriptor, which can be read only once.
	file *os.File
	done chan struct{} // closed when it was read; nil before anyone asked
	text []byte
	err  error // of reading it
}

var noIdentity = &failure{
	kind: Locked,
	msg:  "no age identity is named that could open it",
	hint: "name one with --identity PATH, OCGO_KEY_IDENTITY or a systemd credential called ocgo-key; `age-keygen -o PATH` makes one",
	mend: "age-keygen -o ~/ocgo-key-identity.txt && export OCGO_KEY_IDENTITY=~/ocgo-key-identity.txt",
}

func newSource(name string, shared bool) *source {
	s := &source{name: name, shared: shared}
	if name == "" {
		s.bad = noIdentity
		return s
	}
	if number, ok := descriptor(name); ok {
		file, err := adopt(number)
		if err != nil {
			s.bad = &failure{
				kind: Locked,
				msg:  fmt.Sprintf("the identity can't be read from %s: %v", name, err),
				hint: "open it for the command that needs it, for instance `ocgo-key --identity fd:3 COMMAND 3< PATH`",
			}
		}
		s.file = file
	}
	return s
}

// descriptor reads "fd:N", /dev/fd/N and /proc/self/fd/N.
func descriptor(name string) (number string, ok bool) {
	for _, prefix := range []string{"fd:", "/dev/fd/", "/proc/self/fd/"} {
		if number, ok := strings.CutPrefix(name, prefix); ok {
			return number, true
		}
	}
	return "", false
}

// adopt takes an open descriptor that whoever started this process meant for
// it. No child of ours gets it.
func adopt(number string) (*os.File, error) {
	n, err := strconv.ParseUint(number, 10, 16)
	switch {
	case err != nil || n == 1 || n == 2:
		return nil, errors.New("that is not the number of a descriptor to read from")
	case runtime.GOOS == "windows":
		return nil, errors.New("there are none to hand over on Windows")
	case !handedOver(int(n)):
		return nil, errors.New("nobody opened it for this command")
	}
	return os.NewFile(uintptr(n), "descriptor "+number), nil
}

// read returns the identity's text. It is called by one goroutine at a time.
func (s *source) read(ctx context.Context) ([]byte, error) {
	if s.bad != nil {
		return nil, s.bad
	}
	if s.file == nil {
		var text []byte
		err := within(ctx, func() (err error) {
			text, err = readPrivate(s.name, "the identity", s.shared)
			return err
		})
		if err != nil {
			return nil, err
		}
		return text, nil
	}
	if s.done == nil {
		s.done = make(chan struct{})
		go func() {
			defer close(s.done)
			s.text, s.err = readOpen(s.file, s.name, "the identity", s.shared)
			if s.file.Fd() != 0 {
				_ = s.file.Close()
			}
		}()
	}
	deadline, _ := ctx.Deadline()
	budget := time.Until(deadline)
	select {
	case <-s.done:
		return s.text, s.err
	case <-ctx.Done():
		f := ended(ctx.Err(), budget)
		f.msg, f.hint = fmt.Sprintf("nothing came from %s, where the identity should: %s", s.name, f.msg), "see whether what writes to it works, and closes it"
		return nil, f
	}
}

// readPrivate reads a regular file that has to be the user's alone. The
// error for one that is not there has fs.ErrNotExist in its chain.
func readPrivate(path, what string, shared bool) ([]byte, error) {
	// Before it is opened, which would wait for a pipe's writer.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, &failure{kind: Refused, msg: fmt.Sprintf("%s at %s is not a regular file", what, path), hint: "name a file, or hand over an open descriptor as fd:N"}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, unreadable(err, path, what)
	}
	defer func() { _ = file.Close() }()
	return readOpen(file, path, what, shared)
}

func readOpen(file *os.File, path, what string, shared bool) ([]byte, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, unreadable(err, path, what)
	}
	var from io.Reader = file
	if info.Mode().IsRegular() {
		if err := private(info, path, what, shared); err != nil {
			return nil, err
		}
		// Not from where another reader of the same descriptor left it.
		from = io.NewSectionReader(file, 0, maxFile+1)
	}
	text, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	switch {
	case err != nil:
		return nil, unreadable(err, path, what)
	case len(text) > maxFile:
		return nil, &failure{msg: fmt.Sprintf("%s at %s is larger than %d bytes", what, path, maxFile), hint: "see whether that is the file you mean"}
	}
	return text, nil
}

// private refuses a file that others than its user may read or write.
func private(info fs.FileInfo, path, what string, shared bool) error {
	others := fs.FileMode(0o077)
	if shared {
		others = 0o037
	}
	if runtime.GOOS == "windows" || info.Mode().Perm()&others == 0 {
		return nil
	}
	return &failure{
		kind: Refused,
		msg:  fmt.Sprintf("%s at %s is open to others than you (its permissions are %#o)", what, path, info.Mode().Perm()),
		hint: "take them away with `chmod 600`, and think about who may have read it",
		mend: "chmod 600 " + text.Quote(path),
	}
}

func unreadable(err error, path, what string) *failure {
	f := &failure{msg: fmt.Sprintf("%s at %s can't be read", what, path), hint: "see whether its path and its permissions are right", err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.kind, f.msg = Locked, fmt.Sprintf("%s at %s is not there", what, path)
		f.hint = "give its path with --identity or OCGO_KEY_IDENTITY; `age-keygen -o PATH` makes a new one, which opens nothing that an old one closed"
	case errors.Is(err, fs.ErrPermission):
		f.kind = Refused
	}
	return f
}

var unasked = &failure{
	kind: Locked,
	msg:  "the identity has a passphrase, and it is not asked for here",
	hint: "`ocgo-key run` asks for it once, on a terminal; for `get` and for programs, name an identity without one: --identity PATH, fd:N or a systemd credential called ocgo-key",
}

// open returns the identities, and asks for their passphrase by ask where they
// have one. That is done once, whatever comes of it.
func (s *fileStore) open(ctx context.Context, ask asker) ([]age.Identity, error) {
	deadline, _ := ctx.Deadline()
	budget := time.Until(deadline)
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ended(ctx.Err(), budget)
	}
	defer func() { <-s.turn }()
	switch {
	case s.identities != nil:
		return s.identities, nil
	case s.refused != nil && ask != nil:
		return nil, s.refused
	}
	text, err := s.source.read(ctx)
	if err != nil {
		return nil, err
	}
	if !isAge(text) {
		s.identities, err = parseIdentities(text)
		return s.identities, err
	}
	if ask == nil {
		return nil, unasked
	}
	// Not left behind when ctx ends: who asks has a terminal to put right.
	passphrase, err := ask(ctx, "Passphrase of the identity "+s.config.Identity+": ")
	defer clear(passphrase)
	switch {
	case ctx.Err() != nil:
		err = ended(ctx.Err(), budget)
	case err != nil || len(passphrase) == 0:
		why := ""
		if err != nil {
			why = ": " + clean(err, Secret{})
		}
		err = unasked.with(func(f *failure) { f.msg = "the identity has a passphrase, and none was given" + why })
	default:
		err = within(ctx, func() error {
			identities, err := unwrap(text, string(passphrase))
			s.identities = identities
			return err
		})
	}
	if err != nil {
		s.identities, s.refused = nil, err
	}
	return s.identities, err
}

type asker = func(ctx context.Context, prompt string) ([]byte, error)

// isAge reports whether text is a file that age encrypted, rather than identities.
func isAge(text []byte) bool {
	return bytes.HasPrefix(text, []byte("age-encryption.org/")) || bytes.HasPrefix(bytes.TrimSpace(text), []byte(armor.Header))
}

func parseIdentities(text []byte) ([]age.Identity, error) {
	identities, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil { // its text may quote a line
		return nil, &failure{
			kind: Refused,
			msg:  "the identity is none of age's",
			hint: "its file holds a line AGE-SECRET-KEY-1…, as `age-keygen -o PATH` makes it",
		}
	}
	return identities, nil
}

// unwrap opens an identity that `age -p` encrypted.
func unwrap(text []byte, passphrase string) ([]age.Identity, error) {
	// scrypt takes 256 MiB, which a gateway would otherwise keep for minutes.
	defer debug.FreeOSMemory()
	scrypt, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, unasked // not reached: it is not empty
	}
	plain, err := decrypt(text, scrypt)
	defer clear(plain)
	switch {
	case errors.As(err, new(*age.NoIdentityMatchError)):
		return nil, &failure{kind: Locked, msg: "the passphrase does not open the identity", hint: "try again; `age -d PATH` shows whether it is the right one"}
	case err != nil:
		return nil, &failure{msg: "the identity can't be decrypted: it is damaged", hint: "put its file back from a backup"}
	}
	return parseIdentities(plain)
}
