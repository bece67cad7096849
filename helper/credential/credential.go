// Package credential implements the protocols in which programs request credentials: a key and a
// newline, JSON, git's credential helper, and the EngFlow credential helper that Bazel and others
// use. It reads the request and writes the answer.
//
// It uses no keychain, no network and no state: the key is passed in as a function, which is called
// right before the key is written. It logs nothing. Its errors contain no key, and no line or
// address of the request, since these may hold a secret of the client.
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

// Format is the format in which a credential is written.
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
// their input and do nothing else, as gitcredentials(7) requires. The error is about the request,
// or comes from fetch or out.
func Serve(r Request, in io.Reader, out io.Writer, fetch func() (Answer, error)) error {
	get := r.Action == "" || r.Action == "get"
	switch {
	case !get && r.Format != Git:
		return fmt.Errorf("no such action %q; the %s format supports only get", r.Action, r.Format)
	case !get:
		drain(in)
		return nil
	case r.Format == Git:
		g, err := readGit(in)
		if err != nil {
			return err
		}
		if !g.forService(r.BaseURL) {
			// If a helper is configured for all hosts, git calls it for each host.
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

var errNoKey = errors.New("the stored key is empty or has characters that no key has; use `ocgo-key replace` to store the right one")

// write writes a to w with one call, or nothing if a is not valid.
func write(w io.Writer, f Format, a Answer) error {
	if a.Reveal == nil {
		return errNoKey
	}
	// The format is checked before Reveal is called, so that a key is in memory only if it is
	// written.
	if !slices.Contains([]Format{Plain, JSON, Git, EngFlow}, f) {
		return fmt.Errorf("no such format %q; use plain, json, git or engflow", f)
	}
	key := a.Reveal()
	if !bare(key) {
		return errNoKey
	}
	text, err := a.encode(f, key)
	if err != nil {
		return errors.New("the credential could not be encoded") // the cause could contain the key
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

// bare reports whether key has only characters that cannot add a line or a header.
func bare(key string) bool {
	return key != "" && !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\uFFFD' })
}

// line returns one line of JSON, in which <, > and & are not escaped.
func line(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return buf.Bytes(), err
}
