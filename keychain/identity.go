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

	"filippo.io/age"
	"filippo.io/age/armor"

	"ocgo-key/internal/atomicfile"
	"ocgo-key/internal/text"
)

// An identitySource reads the text of an age identity from a file or a descriptor.
type identitySource struct {
	name          string // as the user gave it
	groupReadable bool
	unusable      error // an *Error that prevents reading

	// A descriptor can be read only once, so the result is kept here.
	file *os.File
	done chan struct{} // closed when file has been read; nil before the first read
	text []byte
	err  error
}

var errNoIdentity = &Error{
	Kind: Locked,
	Err:  errors.New("no age identity is given for the encrypted file"),
	Hint: "name one with --identity PATH, OCGO_KEY_IDENTITY or a systemd credential called ocgo-key; `age-keygen -o PATH` makes one",
	Fix:  "age-keygen -o ~/ocgo-key-identity.txt && export OCGO_KEY_IDENTITY=~/ocgo-key-identity.txt",
}

func newIdentitySource(name string, groupReadable bool) *identitySource {
	s := &identitySource{name: name, groupReadable: groupReadable}
	if name == "" {
		s.unusable = errNoIdentity
		return s
	}
	if number, ok := descriptorNumber(name); ok {
		file, err := openDescriptor(number)
		if err != nil {
			s.unusable = &Error{
				Kind: Locked,
				Err:  fmt.Errorf("the identity can't be read from %s: %w", name, err),
				Hint: "open the descriptor for the command that reads it, for instance `ocgo-key --identity fd:3 COMMAND 3< PATH`",
			}
		}
		s.file = file
	}
	return s
}

// descriptorNumber returns N of "fd:N", /dev/fd/N or /proc/self/fd/N.
func descriptorNumber(name string) (number string, ok bool) {
	for _, prefix := range []string{"fd:", "/dev/fd/", "/proc/self/fd/"} {
		if number, ok := strings.CutPrefix(name, prefix); ok {
			return number, true
		}
	}
	return "", false
}

// openDescriptor returns a descriptor that the parent process left open for this process. It makes
// sure that no child process inherits the descriptor.
func openDescriptor(number string) (*os.File, error) {
	n, err := strconv.ParseUint(number, 10, 16)
	switch {
	case err != nil || n == 1 || n == 2:
		return nil, errors.New("this is not the number of a descriptor to read from")
	case runtime.GOOS == "windows":
		return nil, errors.New("Windows does not pass descriptors on")
	case !inherited(int(n)):
		return nil, errors.New("this descriptor is not open")
	}
	return os.NewFile(uintptr(n), "descriptor "+number), nil
}

// read returns the identity's text. Only one goroutine may call it at a time.
func (s *identitySource) read(ctx context.Context) ([]byte, error) {
	if s.unusable != nil {
		return nil, s.unusable
	}
	if s.file == nil {
		var text []byte
		err := within(ctx, func() (err error) {
			text, err = readPrivate(s.name, "the identity", s.groupReadable)
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
			s.text, s.err = readOpened(s.file, s.name, "the identity", s.groupReadable)
			if s.file.Fd() != 0 {
				_ = s.file.Close()
			}
		}()
	}
	budget := remaining(ctx)
	select {
	case <-s.done:
		return s.text, s.err
	case <-ctx.Done():
		e := contextEnded(ctx.Err(), budget)
		e = e.withMessage(fmt.Sprintf("no identity was received from %s: %s", s.name, e.message()))
		e.Hint = "check that the program that writes the identity works, and closes the descriptor"
		return nil, e
	}
}

// readPrivate reads a regular file that only its owner may access. The error for a missing file
// wraps fs.ErrNotExist. The parameter what is the name of the file in errors.
func readPrivate(path, what string, groupReadable bool) ([]byte, error) {
	// Opening a pipe would wait for a writer, so this check comes first.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, &Error{Kind: Refused, Err: fmt.Errorf("%s at %s is not a regular file", what, path), Hint: "name a file, or pass an open descriptor as fd:N"}
	}
	file, err := atomicfile.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, unreadable(err, path, what)
	}
	defer func() { _ = file.Close() }()
	return readOpened(file, path, what, groupReadable)
}

func readOpened(file *os.File, path, what string, groupReadable bool) ([]byte, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, unreadable(err, path, what)
	}
	var from io.Reader = file
	if info.Mode().IsRegular() {
		if err := checkPrivate(info, path, what, groupReadable); err != nil {
			return nil, err
		}
		// Another process may have moved the position of the descriptor.
		from = io.NewSectionReader(file, 0, maxFileSize+1)
	}
	text, err := io.ReadAll(io.LimitReader(from, maxFileSize+1))
	switch {
	case err != nil:
		return nil, unreadable(err, path, what)
	case len(text) > maxFileSize:
		return nil, &Error{Err: fmt.Errorf("%s at %s is larger than %d bytes", what, path, maxFileSize), Hint: "check that this is the right file"}
	}
	return text, nil
}

// checkPrivate refuses a file that other users may read or write.
func checkPrivate(info fs.FileInfo, path, what string, groupReadable bool) error {
	forbidden := fs.FileMode(0o077)
	if groupReadable {
		forbidden = 0o037
	}
	if runtime.GOOS == "windows" || info.Mode().Perm()&forbidden == 0 {
		return nil
	}
	return &Error{
		Kind: Refused,
		Err:  fmt.Errorf("%s at %s is open to other users (its permissions are %#o)", what, path, info.Mode().Perm()),
		Hint: "restrict it with `chmod 600`, and consider who may have read it",
		Fix:  "chmod 600 " + text.Quote(path),
	}
}

func unreadable(err error, path, what string) *Error {
	e := &Error{Err: reason{fmt.Sprintf("%s at %s can't be read", what, path), err}, Hint: "check the path and the permissions"}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Kind, e.Err = Locked, reason{fmt.Sprintf("%s at %s does not exist", what, path), err}
		e.Hint = "give the path with --identity or OCGO_KEY_IDENTITY; `age-keygen -o PATH` makes a new identity, which cannot decrypt existing keys"
	case errors.Is(err, fs.ErrPermission):
		e.Kind = Refused
	}
	return e
}

var errNeedsPassphrase = &Error{
	Kind: Locked,
	Err:  errors.New("the identity has a passphrase, which this command does not ask for"),
	Hint: "`ocgo-key run` asks for it once, on a terminal; for `get` and for programs, name an identity without a passphrase: --identity PATH, fd:N or a systemd credential called ocgo-key",
}

// open returns the identities. If they have a passphrase, open calls askPassphrase, unless it is
// nil. It does so only once, whatever the result.
func (s *fileStore) open(ctx context.Context, askPassphrase passphraseFunc) ([]age.Identity, error) {
	budget := remaining(ctx)
	select {
	case s.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, contextEnded(ctx.Err(), budget)
	}
	defer func() { <-s.busy }()
	switch {
	case s.identities != nil:
		return s.identities, nil
	case s.passphraseErr != nil && askPassphrase != nil:
		return nil, s.passphraseErr
	}
	text, err := s.source.read(ctx)
	if err != nil {
		return nil, err
	}
	if !isEncrypted(text) {
		s.identities, err = parseIdentities(text)
		return s.identities, err
	}
	if askPassphrase == nil {
		return nil, errNeedsPassphrase
	}
	// Wait for askPassphrase even when ctx ends, since it restores the terminal.
	passphrase, err := askPassphrase(ctx, "Passphrase of the identity "+s.config.Identity+": ")
	defer clear(passphrase)
	var identities []age.Identity
	switch {
	case ctx.Err() != nil:
		err = contextEnded(ctx.Err(), budget)
	case err != nil:
		err = errNeedsPassphrase.withMessage("the identity has a passphrase, and none was given: " + sanitize(err, Secret{}))
	case len(passphrase) == 0:
		err = errNeedsPassphrase.withMessage("the identity has a passphrase, and none was given")
	default:
		given := string(passphrase)
		err = within(ctx, func() (err error) {
			identities, err = decryptIdentities(text, given)
			return err
		})
	}
	if err != nil {
		s.passphraseErr = err
		return nil, err
	}
	s.identities = identities
	return identities, nil
}

type passphraseFunc = func(ctx context.Context, prompt string) ([]byte, error)

// isEncrypted reports whether text is an age-encrypted file and not a list of identities.
func isEncrypted(text []byte) bool {
	return bytes.HasPrefix(text, []byte("age-encryption.org/")) || bytes.HasPrefix(bytes.TrimSpace(text), []byte(armor.Header))
}

func parseIdentities(text []byte) ([]age.Identity, error) {
	identities, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil { // err may contain a line of the identity
		return nil, &Error{
			Kind: Refused,
			Err:  errors.New("not an age identity"),
			Hint: "the file needs a line AGE-SECRET-KEY-1…, as `age-keygen -o PATH` writes it",
		}
	}
	return identities, nil
}

// decryptIdentities opens an identity that `age -p` encrypted.
func decryptIdentities(text []byte, passphrase string) ([]age.Identity, error) {
	// Otherwise the 256 MiB that scrypt uses would stay allocated for minutes.
	defer debug.FreeOSMemory()
	scrypt, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, errNeedsPassphrase // never happens: the passphrase is not empty
	}
	plain, err := decrypt(text, scrypt)
	defer clear(plain)
	if _, wrong := errors.AsType[*age.NoIdentityMatchError](err); wrong {
		return nil, &Error{Kind: Locked, Err: errors.New("the passphrase does not decrypt the identity"), Hint: "try again; `age -d PATH` shows whether the passphrase is right"}
	}
	if err != nil {
		return nil, &Error{Err: errors.New("the identity can't be decrypted: it is damaged"), Hint: "restore its file from a backup"}
	}
	return parseIdentities(plain)
}
