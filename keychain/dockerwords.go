package keychain

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"sync"
)

// helperWords reads what helpers say when they fail. The protocol has a word
// of its own for "not found" alone; the rest is the text of what is behind the
// helper: pass and gpg, libsecret, macOS, Windows. The first row whose words
// are in it counts; it is compared in lower case.
var helperWords = []struct {
	any []string
	*failure
}{
	{[]string{"pass not initialized", "password store is empty"}, &failure{
		kind: NoKeychain,
		msg:  "the password store is not set up",
		hint: "`pass init GPG-ID` sets it up",
	}},
	{[]string{"operation cancelled", "operation canceled", "user canceled", "was dismissed", "prompt dismissed"}, &failure{
		kind: Refused,
		msg:  "the question for its password was dismissed",
		hint: "try again and answer it",
	}},
	{[]string{"decryption failed: timeout", "timeout was reached", "did not receive a reply", "operation timed out"}, &failure{
		kind: Timeout,
		msg:  "what is behind it did not answer",
		hint: "see whether a question on the screen waits for you, and try again",
	}},
	{[]string{"no pinentry", "inappropriate ioctl", "no secret key", "decryption failed"}, &failure{
		kind: Locked,
		msg:  "gpg can't decrypt it",
		hint: "unlock your gpg key where it can ask for its passphrase (`pass show` of any entry does); see `gpg --list-secret-keys`",
	}},
	{[]string{"encryption failed", "no public key", "unusable public key"}, &failure{
		kind: Refused,
		msg:  "gpg can't encrypt it for the keys of the password store",
		hint: "see `gpg --list-keys`, and `pass init GPG-ID`",
	}},
	{[]string{"user interaction is not allowed", "does not allow user interaction", "locked collection", "is locked", "-25308"}, &failure{
		kind: Locked,
		msg:  "the keychain behind it is locked",
		hint: "unlock it in a session of the desktop, and try again",
	}},
	{[]string{"was not provided by any .service files", "cannot autolaunch d-bus", "cannot spawn a message bus", "could not connect:", "the given address is empty"}, &failure{
		kind: NoKeychain,
		msg:  "the keychain service behind it can't be reached",
		hint: "see that it is running on the D-Bus session bus",
	}},
	{[]string{"object does not exist at path", "no such secret collection", "no such object path"}, &failure{
		kind: NoKeychain,
		msg:  "the keychain service behind it has no default keyring",
		hint: "make one and set it as default, for instance in Passwords and Keys (seahorse)",
	}},
	{[]string{"stub received bad data"}, tooLarge},
}

// longWord is what could be a key, or a piece of one.
var longWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[A-Za-z0-9+/=_-]{16,}`) })

// explain reads the output of a helper that failed.
func (h *helper) explain(said string, exit *exec.ExitError, secret Secret) *failure {
	text := strings.ToLower(said)
	for _, row := range helperWords {
		for _, words := range row.any {
			if strings.Contains(text, words) {
				return row.with(func(f *failure) { f.msg = h.program + ": " + f.msg })
			}
		}
	}
	f := &failure{msg: fmt.Sprintf("%s ended with %s", h.program, exit), hint: h.trial()}
	// On get nobody knows the key that may be in it.
	if words := clean(errors.New(longWord().ReplaceAllString(said, "[…]")), secret); words != "" {
		f.msg += ": " + words
	} else {
		h.mute = true
	}
	return f
}
