// Package credential implements the protocols in which programs request credentials: a key and a
// newline, JSON, git's credential helper, and the EngFlow credential helper that Bazel and others
// use. It reads the request and writes the answer.
//
// It uses no keychain, no network and no state: the key is passed in as a function, which is called
// right before the key is written. It logs nothing. None of its errors contains a key, or a line or
// an address of the request, which may hold a secret of the client's.
package credential

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Format is the shape in which a credential is written.
type Format string

const (
	Plain   Format = "plain"   // the key and one newline
	JSON    Format = "json"    // {"version":1,"account":…,"key":…,"expires":…}
	Git     Format = "git"     // gitcredentials(7): password=KEY
	EngFlow Format = "engflow" // the EngFlow credential helper of Bazel and others: headers
)

// Answer is what the client gets.
type Answer struct {
	Account string        // the account's label
	Reveal  func() string // the key; called once, right before it is written
	Expires *time.Time    // when the client should request the key again; nil if not known
}

// Request is one request for a credential.
type Request struct {
	Format Format
	// Action is the word that git and EngFlow clients append to the command: get, store or erase.
	// "" means get.
	Action string
	// BaseURL is the service's base URL. An EngFlow request for a URL outside of it is refused.
	BaseURL string
}

// Serve answers one request: it reads the request from in, calls fetch if the request is for a key,
// and writes the answer to out. If anything fails, nothing is written. The formats plain and json
// read nothing from in. git's store and erase, and actions that later versions of git may add, read
// their input and do nothing, as gitcredentials(7) requires. The error is about the request, or
// comes from fetch or out.
func Serve(r Request, in io.Reader, out io.Writer, fetch func() (Answer, error)) error {
	get := r.Action == "" || r.Action == "get"
	switch {
	case !get && r.Format != Git:
		return fmt.Errorf("no such action %q; the %s format knows only get", r.Action, r.Format)
	case !get:
		drain(in)
		return nil
	case r.Format == Git:
		g, err := readGit(in)
		if err != nil {
			return err
		}
		if !g.forService(r.BaseURL) {
			// git calls a helper that is configured for all hosts for every host.
			return errors.New("git asked for a credential for another host; configure this helper for https://" + serviceHost + " only")
		}
	case r.Format == EngFlow:
		uri, err := readEngFlow(in)
		if err != nil {
			return err
		}
		if err := checkURI(uri, r.BaseURL); err != nil {
			return err
		}
	}
	a, err := fetch()
	if err != nil {
		return err
	}
	return write(out, r.Format, a)
}

var errNoKey = errors.New("the key is empty or has characters that do not belong in one; use `ocgo-key replace` to store it anew")

// write writes a to w in one piece, or nothing at all if a is not valid. It returns an error of w
// unchanged.
func write(w io.Writer, f Format, a Answer) error {
	if a.Reveal == nil {
		return errNoKey
	}
	// The format is checked before the key is fetched, so that a key is in memory only if it will
	// be written.
	if !slices.Contains([]Format{Plain, JSON, Git, EngFlow}, f) {
		return fmt.Errorf("no such format %q; use plain, json, git or engflow", f)
	}
	key := a.Reveal()
	if !bare(key) {
		return errNoKey
	}
	text, err := a.encode(f, key)
	if err != nil {
		return errors.New("the credential could not be encoded") // the cause could quote the key
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("write the credential: %w", err)
	}
	return nil
}

// encode returns the answer in a format.
func (a Answer) encode(f Format, key string) ([]byte, error) {
	var expires *time.Time
	if a.Expires != nil {
		seconds := a.Expires.UTC().Truncate(time.Second)
		expires = &seconds
	}
	switch f {
	case Plain:
		return []byte(key + "\n"), nil
	case Git:
		return []byte("password=" + key + "\n"), nil
	case JSON:
		return line(struct {
			Version int        `json:"version"`
			Account string     `json:"account"`
			Key     string     `json:"key"`
			Expires *time.Time `json:"expires"`
		}{1, a.Account, key, expires})
	default:
		return line(struct {
			Headers map[string][]string `json:"headers"`
			Expires *time.Time          `json:"expires,omitempty"`
		}{map[string][]string{"Authorization": {"Bearer " + key}}, expires})
	}
}

// bare reports whether key can be used in a line and in a header. Other characters could add a line
// or a header.
func bare(key string) bool {
	return key != "" && !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\uFFFD' })
}

// line returns one line of JSON, with <, > and & as they are.
func line(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return buf.Bytes(), err
}
