package keychain

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zalando/go-keyring"
)

// NewMacOS returns the keychain of macOS. It is accessed through the program security at this path.
// On macOS, NewOS returns it. Tests on other systems pass a program that simulates security.
func NewMacOS(security string) Store {
	return newOSStore(&securityTool{security}, securityPlatform(security))
}

func securityPlatform(security string) platform {
	return platform{classify: classifySecurity, inspect: (&securityTool{security}).inspect, endOfCall: 2 * time.Second}
}

// A securityTool replaces go-keyring on macOS, and stores keys in the same format. go-keyring has
// two faults: it does not end a program that waits for the user, and it treats security's stderr as
// part of the key.
type securityTool struct{ path string }

const (
	// The prefixes with which go-keyring marks an encoded secret. Old versions used hexEncoded.
	base64Encoded = "go-keyring-base64:"
	hexEncoded    = "go-keyring-encoded:"
	// maxSecurityCommand is the size of the buffer into which `security -i` reads a command.
	maxSecurityCommand = 4096
	// notFoundExit is the exit code of security if an item does not exist.
	notFoundExit = 44
)

func (t *securityTool) Get(ctx context.Context, service, user string) (string, error) {
	out, err := t.run(ctx, "", "find-generic-password", "-s", service, "-wa", user)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(out))
	if encoded, ok := strings.CutPrefix(secret, base64Encoded); ok {
		decoded, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return "", errMalformedEntry
		}
		return string(decoded), nil
	}
	if encoded, ok := strings.CutPrefix(secret, hexEncoded); ok {
		decoded, err := hex.DecodeString(encoded)
		if err != nil {
			return "", errMalformedEntry
		}
		return string(decoded), nil
	}
	return secret, nil
}

var errMalformedEntry = &Error{Err: errors.New("the entry in the keychain does not have ocgo-key's format"), Hint: errNotFound.Hint}

// Set passes the key on stdin, since other programs can see a command line.
func (t *securityTool) Set(ctx context.Context, service, user, password string) error {
	command := "add-generic-password -U -s " + quoteForSecurity(service) + " -a " + quoteForSecurity(user) +
		" -w " + base64Encoded + base64.StdEncoding.EncodeToString([]byte(password)) + "\n"
	if len(command) > maxSecurityCommand {
		return keyring.ErrSetDataTooBig
	}
	_, err := t.run(ctx, command, "-i")
	return err
}

func (t *securityTool) Delete(ctx context.Context, service, user string) error {
	_, err := t.run(ctx, "", "delete-generic-password", "-s", service, "-a", user)
	return err
}

// inspect lists the ids of all keys. Without -d, dump-keychain reads no key, so it does not prompt
// the user.
func (t *securityTool) inspect(ctx context.Context) (Inspection, error) {
	out, err := t.run(ctx, "", "dump-keychain")
	if err != nil {
		known := classifySecurity(ctx, err)
		switch {
		case errors.Is(err, errCallEnded):
			return Inspection{}, errCallEnded
		case known != nil:
			return Inspection{}, known
		}
		return Inspection{}, &Error{Err: errors.New("security could not list the keychain"), Hint: "try again in a terminal of the desktop session"}
	}
	return Inspection{IDs: dumpedUsers(string(out), Service)}, nil
}

// run runs security and returns its stdout. It kills security when ctx ends.
func (t *securityTool) run(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, t.path, args...)
	cmd.WaitDelay = time.Second
	cmd.Env = withoutDebugging(os.Environ())
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout = &out
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, errCallEnded
	}
	if exit, ran := errors.AsType[*exec.ExitError](err); ran && exit.ExitCode() == notFoundExit {
		return nil, keyring.ErrNotFound
	}
	return out.Bytes(), err
}

// withoutDebugging drops the variables that change how programs of macOS allocate memory and load
// libraries. With them, security could print more or behave differently.
func withoutDebugging(environment []string) []string {
	kept := make([]string, 0, len(environment))
	for _, pair := range environment {
		if !strings.HasPrefix(pair, "Malloc") && !strings.HasPrefix(pair, "DYLD_") {
			kept = append(kept, pair)
		}
	}
	return kept
}

// classifySecurity returns the *Error for an error of running security, or nil.
func classifySecurity(_ context.Context, err error) error {
	exit, ran := errors.AsType[*exec.ExitError](err)
	switch {
	case ran && exit.Exited():
		return securityExit(exit.ExitCode())
	case ran:
		return &Error{Err: errors.New("security was ended by a signal"), Hint: "try again"}
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Kind: NoKeychain, Err: errors.New("/usr/bin/security is missing"), Hint: "it is part of macOS; repair the installation"}
	}
	return nil
}

var safeForSecurity = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\w@%+=:,./-]+$`) })

// quoteForSecurity quotes one word of a command for `security -i`, which has the quoting rules of a
// shell (split_line in Apple's security.c).
func quoteForSecurity(word string) string {
	if safeForSecurity().MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'"'"'`) + "'"
}

// dumpedUsers returns the account names that dump-keychain printed for a service, sorted.
func dumpedUsers(dump, service string) []string {
	var users []string
	var user string
	var isPassword, isOurs bool
	add := func() {
		if isPassword && isOurs && user != "" {
			users = append(users, user)
		}
		user, isPassword, isOurs = "", false, false
	}
	for line := range strings.Lines(dump) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "keychain: ") { // the first line of an item
			add()
		}
		isPassword = isPassword || line == `class: "genp"`
		name, value, _ := strings.Cut(strings.TrimSpace(line), "<blob>=")
		switch name {
		case `"svce"`:
			isOurs = dumpedText(value) == service
		case `"acct"`:
			user = dumpedText(value)
		}
	}
	add()
	slices.Sort(users)
	return slices.Compact(users)
}

// dumpedText decodes the value of an attribute. The value is a quoted text. If the text is not
// printable ASCII, its bytes in hexadecimal come first.
func dumpedText(value string) string {
	if encoded, ok := strings.CutPrefix(value, "0x"); ok {
		encoded, _, _ = strings.Cut(encoded, " ")
		decoded, err := hex.DecodeString(encoded)
		if err != nil {
			return ""
		}
		return string(decoded)
	}
	text, ok := strings.CutPrefix(value, `"`)
	if !ok {
		return ""
	}
	return strings.TrimSuffix(text, `"`)
}
