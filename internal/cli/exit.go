package cli

import (
	"bytes"
	"errors"
	"fmt"

	"ocgo-key/helper/accounts"
	"ocgo-key/helper/supervise"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/install"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// Exit codes. Scripts depend on them.
const (
	exitGeneral    = 1
	exitNoAccount  = 3   // no such account, or no account at all
	exitLocked     = 4   // the keychain is locked
	exitNoKeychain = 5   // there is no keychain
	exitTimeout    = 6   // the keychain did not answer in time
	exitRefused    = 7   // refused by the keychain or the user
	exitTooLarge   = 8   // the key is too large
	exitAlready    = 9   // already there
	exitInternal   = 70  // a bug
	exitExhausted  = 75  // every account is cooling or rejected
	exitUsage      = 80  // the command line or the input is wrong
	exitWrapper    = 125 // the wrapper itself failed
	exitCannotRun  = 126 // the command can't be run
	exitNoCommand  = 127 // the command does not exist
)

// statusError makes this process end with the exit status of a command, without a message.
type statusError struct{ wrapper.Status }

func (e *statusError) Error() string { return fmt.Sprintf("exit status %d", e.Code) }

func (e *statusError) end() int {
	if e.Signal != 0 {
		wrapper.Die(e.Signal)
	}
	return e.Code
}

// table has the exit code and the hint of each known error. The first match is used.
var table = []struct {
	err  error
	code int
	next string
}{
	{supervise.ErrFailed, exitWrapper, ""}, // first, since the error that it wraps has its own entry
	{hint.ErrInput, exitUsage, ""},
	{hint.ErrRefused, exitRefused, ""},
	{hint.ErrExists, exitAlready, ""},
	{rotation.ErrEmpty, exitNoAccount, "add one with `ocgo-key add LABEL`"},
	{rotation.ErrNoSuchAccount, exitNoAccount, "`ocgo-key list` shows labels and numbers"},
	{rotation.ErrAlreadyThere, exitAlready, ""},
	{rotation.ErrNotReady, exitExhausted, "`ocgo-key list` shows why; `ocgo-key enable` makes an account usable again"},
	{rotation.ErrNoOther, exitExhausted, "`ocgo-key list` shows when others are back"},
	{keychain.ErrNotFound, exitNoAccount, "`ocgo-key replace LABEL` stores it again"},
	{keychain.ErrUnusable, exitNoAccount, "`ocgo-key replace LABEL` stores it again"},
	{keychain.ErrLocked, exitLocked, ""},
	{keychain.ErrNoKeychain, exitNoKeychain, ""},
	{keychain.ErrTimeout, exitTimeout, ""},
	{keychain.ErrRefused, exitRefused, ""},
	{keychain.ErrTooLarge, exitTooLarge, ""},
	{keychain.ErrInvalidKey, exitUsage, ""},
	{wrapper.ErrNotFound, exitNoCommand, ""},
	{wrapper.ErrCannotRun, exitCannotRun, ""},
	{install.ErrNoOpenCode, exitNoCommand, ""},
	{accounts.ErrBusy, exitTimeout, ""},
	{rotation.ErrNewer, exitGeneral, "upgrade this ocgo-key, or set OCGO_KEY_STATE_DIR to another folder"},
}

// explain returns the exit code of an error, and its outermost hint.
func explain(err error) (code int, next string) {
	code = exitGeneral
	for _, row := range table {
		if errors.Is(err, row.err) {
			code, next = row.code, row.next
			break
		}
	}
	if exhausted, ok := errors.AsType[*rotation.ExhaustedError](err); ok {
		code, next = exitExhausted, "`ocgo-key list` shows each account; `ocgo-key add` adds one"
		if exhausted.Off > 0 {
			next = "`ocgo-key list` shows each account; `ocgo-key enable` enables a disabled one, `ocgo-key add` adds one"
		}
		if exhausted.Until.IsZero() {
			next = "`ocgo-key list` shows why; `ocgo-key enable` makes an account usable again, `ocgo-key replace` gives it a new key"
		}
	}
	if k, ok := errors.AsType[*keychain.Error](err); ok && k.Hint != "" {
		next = k.Hint
	}
	if given, found := hint.Of(err); found {
		next = given
	}
	return code, next
}

// panicPlace returns the name of the function that panicked, from the stack.
func panicPlace(stack []byte) string {
	_, after, _ := bytes.Cut(stack, []byte("\npanic("))
	lines := bytes.SplitN(after, []byte("\n"), 4)
	if len(lines) < 3 {
		return "an unknown place"
	}
	name, _, _ := bytes.Cut(lines[2], []byte("("))
	return string(name)
}
