// Package report is how a command tells the user what it meets, line by line, whatever names are in it.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"ocgo-key/internal/text"
)

// A Reporter tells the user what is met on the way. What comes out of a command is no business of it.
type Reporter interface {
	// Say tells what is not an error.
	Say(format string, args ...any)
	// Detail is Say for those who want to know more.
	Detail(format string, args ...any)
	// Warn tells what must not be missed. next is what the user does about it; it may be empty.
	Warn(message, next string)
}

// A Terminal writes results to Out and all else to Err. It is safe for concurrent use where these are.
type Terminal struct {
	Out, Err io.Writer
	silent   bool
	detailed bool
}

// Level sets how much is said: silent leaves out Say and Detail, detailed lets Detail speak.
func (t *Terminal) Level(silent, detailed bool) { t.silent, t.detailed = silent, detailed }

// Say implements [Reporter].
func (t *Terminal) Say(format string, args ...any) {
	if !t.silent {
		fmt.Fprintf(t.Err, "ocgo-key: %s\n", text.Line(fmt.Sprintf(format, args...)))
	}
}

// Detail implements [Reporter].
func (t *Terminal) Detail(format string, args ...any) {
	if t.detailed {
		t.Say(format, args...)
	}
}

// Warn implements [Reporter].
func (t *Terminal) Warn(message, next string) { t.Complain(errors.New(message), next) }

// Complain writes an error and its hint, a line each.
func (t *Terminal) Complain(err error, next string) {
	fmt.Fprintf(t.Err, "ocgo-key: %s\n", text.Line(err.Error()))
	if next != "" {
		fmt.Fprintf(t.Err, "hint: %s\n", text.Line(next))
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

// Warnings lets only the warnings of r through, for a command whose result says the rest.
func Warnings(r Reporter) Reporter { return warnings{r} }

type warnings struct{ Reporter }

func (warnings) Say(string, ...any)    {}
func (warnings) Detail(string, ...any) {}
