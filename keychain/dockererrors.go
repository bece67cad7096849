package keychain

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"sync"
)

// helperErrors maps the output of failing helpers to errors. Docker's protocol defines a message
// only for "not found". Other messages come from the programs and libraries that a helper uses:
// pass and gpg, libsecret, macOS, Windows. If the output contains phrases of several
// entries, the first entry applies. Phrases are in lower case.
var helperErrors = []struct {
	phrases []string
	err     *Error
}{
	{[]string{"pass not initialized", "password store is empty"}, &Error{
		Kind: NoKeychain,
		Err:  errors.New("the password store is not set up"),
		Hint: "`pass init GPG-ID` sets it up",
	}},
	{[]string{"operation cancelled", "operation canceled", "user canceled", "was dismissed", "prompt dismissed"}, &Error{
		Kind: Refused,
		Err:  errors.New("the password prompt was dismissed"),
		Hint: "try again and answer the prompt",
	}},
	{[]string{"decryption failed: timeout", "timeout was reached", "did not receive a reply", "operation timed out"}, &Error{
		Kind: Timeout,
		Err:  errors.New("the keychain that it uses did not answer"),
		Hint: "check for a prompt on the screen, and try again",
	}},
	{[]string{"no pinentry", "inappropriate ioctl", "no secret key", "decryption failed"}, &Error{
		Kind: Locked,
		Err:  errors.New("gpg can't decrypt the key"),
		Hint: "unlock your gpg key on a terminal, for instance with `pass show` of any entry; see `gpg --list-secret-keys`",
	}},
	{[]string{"encryption failed", "no public key", "unusable public key"}, &Error{
		Kind: Refused,
		Err:  errors.New("gpg can't encrypt the key for the password store"),
		Hint: "see `gpg --list-keys`, and `pass init GPG-ID`",
	}},
	{[]string{"user interaction is not allowed", "does not allow user interaction", "locked collection", "is locked", "-25308"}, &Error{
		Kind: Locked,
		Err:  errors.New("the keychain that it uses is locked"),
		Hint: "unlock that keychain in a desktop session, and try again",
	}},
	{[]string{"was not provided by any .service files", "cannot autolaunch d-bus", "cannot spawn a message bus", "could not connect:", "the given address is empty"}, &Error{
		Kind: NoKeychain,
		Err:  errors.New("the keychain service that it uses can't be reached"),
		Hint: "check that the service is running on the D-Bus session bus",
	}},
	{[]string{"object does not exist at path", "no such secret collection", "no such object path"}, &Error{
		Kind: NoKeychain,
		Err:  errors.New("the keychain service that it uses has no default keyring"),
		Hint: "create one and make it the default, for instance in Passwords and Keys (seahorse)",
	}},
	{[]string{"stub received bad data"}, errTooLarge},
}

// longWord matches text that could be a key or part of one.
var longWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[A-Za-z0-9+/=_-]{16,}`) })

// explain turns the output of a failed helper into an error.
func (h *dockerHelper) explain(output string, exit *exec.ExitError, secret Secret) *Error {
	text := strings.ToLower(output)
	for _, row := range helperErrors {
		for _, phrase := range row.phrases {
			if strings.Contains(text, phrase) {
				return row.err.withMessage(h.program + ": " + row.err.message())
			}
		}
	}
	message := fmt.Sprintf("%s ended with %s", h.program, exit)
	// The output may contain a key that this process has not seen, so long words are removed.
	if rest := sanitize(errors.New(longWord().ReplaceAllString(output, "[…]")), secret); rest != "" {
		message += ": " + rest
	} else {
		h.failedSilently = true
	}
	return &Error{Err: errors.New(message), Hint: h.tryHint()}
}
