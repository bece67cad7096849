// Package report writes the messages and results of a command. Each message is one line without
// control characters.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"ocgo-key/internal/keyform"
	"ocgo-key/internal/text"
)

// A Reporter writes messages for the user. It does not write results.
type Reporter interface {
	// Say writes a message that is not an error.
	Say(format string, args ...any)
	// Detail writes a message that is shown only with --verbose.
	Detail(format string, args ...any)
	// Warn writes a warning. If next is not empty, it is the next step for the user.
	Warn(message, next string)
}

// A Terminal writes results to Out and messages to Err. It is safe for concurrent use if Out and
// Err are.
type Terminal struct {
	Out, Err io.Writer
	silent   bool
	detailed bool
}

// Level silent turns Say and Detail off; level detailed turns Detail on.
func (t *Terminal) Level(silent, detailed bool) { t.silent, t.detailed = silent, detailed }

// Say implements [Reporter].
func (t *Terminal) Say(format string, args ...any) {
	if !t.silent {
		fmt.Fprintf(t.Err, "ocgo-key: %s\n", line(fmt.Sprintf(format, args...)))
	}
}

// Detail implements [Reporter].
func (t *Terminal) Detail(format string, args ...any) {
	if t.detailed {
		t.Say(format, args...)
	}
}

// line returns a message as one line without a key. The message may quote a command line or a
// variable in which the user has put one.
func line(message string) string {
	if keyform.Within(message) {
		message = keyform.Hide(message)
	}
	return text.Line(message)
}

// Warn implements [Reporter].
func (t *Terminal) Warn(message, next string) { t.Complain(errors.New(message), next) }

// Complain writes an error and its hint, a line each.
func (t *Terminal) Complain(err error, next string) {
	fmt.Fprintf(t.Err, "ocgo-key: %s\n", line(err.Error()))
	if next != "" {
		fmt.Fprintf(t.Err, "hint: %s\n", line(next))
	}
}

// Print writes a result.
func (t *Terminal) Print(format string, args ...any) error {
	_, err := fmt.Fprintf(t.Out, format, args...)
	return err
}

// Document writes a result as one JSON document.
func (t *Terminal) Document(v any) error {
	enc := json.NewEncoder(t.Out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Warnings returns a Reporter that passes only warnings to r. It is for a command whose result
// contains the other messages.
func Warnings(r Reporter) Reporter { return warnings{r} }

type warnings struct{ Reporter }

func (warnings) Say(string, ...any)    {}
func (warnings) Detail(string, ...any) {}
