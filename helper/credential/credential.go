// Package credential reads what programs ask and writes what they get, in the protocols that they
// speak: a key and a newline, JSON, git's credential helper, and the credential helper of Bazel and
// others.
//
// It asks no keychain and no network and reads no state: the key comes in as a function that is
// called at the last moment before it is written. It logs nothing. No error of its own holds a key,
// nor a line or an address of the request, which may hold a secret of the asker's.
package credential

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Format is the shape in which a credential is written.
type Format string

const (
	Plain   Format = "plain"   // the key and one newline
	JSON    Format = "json"    // {"version":1,"account":…,"key":…,"expires":…}
	Git     Format = "git"     // gitcredentials(7): password=KEY
	EngFlow Format = "engflow" // the credential helper of Bazel and others: headers
)

// Answer is what whoever asks gets.
type Answer struct {
	Account string        // the account's label
	Reveal  func() string // the key; called once, right before it is written
	Expires *time.Time    // when to ask again; nil where nobody knows
}

// Request is one question.
type Request struct {
	Format Format
	// Action is the word that git and EngFlow clients add to the command: get, store or erase. ""
	// is get.
	Action string
	// BaseURL is the service's; an EngFlow request for any other is refused.
	BaseURL string
}

// Serve answers one request: it reads from in what the format says is to be read, calls fetch where
// a key is asked for, and writes the answer to out. Nothing is written when anything fails. The
// formats plain and json read nothing. git's store and erase, and actions that git may yet invent,
// read their input and do nothing, as gitcredentials(7) wants it. An error is about the request,
// fetch's, or out's.
func Serve(r Request, in io.Reader, out io.Writer, fetch func() (Answer, error)) error {
	get := r.Action == "" || r.Action == "get"
	switch r.Format {
	case Git:
		if !get {
			drain(in)
			return nil
		}
		g, err := ReadGit(in)
		if err != nil {
			return err
		}
		if !forService(g.Host, r.BaseURL) {
			// A helper that is set up for all hosts is asked about all of them.
			return errors.New("git asks about a host that is not the service's; set this helper up for https://" + serviceHost + " only")
		}
	case EngFlow:
		if !get {
			return fmt.Errorf("no such action %q; the engflow format knows only get", r.Action)
		}
		uri, err := ReadEngFlow(in)
		if err != nil {
			return err
		}
		if err := CheckURI(uri, r.BaseURL); err != nil {
			return err
		}
	default:
		if !get {
			return fmt.Errorf("no such action %q; the %s format knows only get", r.Action, r.Format)
		}
	}
	a, err := fetch()
	if err != nil {
		return err
	}
	return Write(out, r.Format, a)
}

var errNoKey = errors.New("the key is empty or has characters that do not belong in one; use `ocgo-key replace` to store it anew")

// Write writes a to w in one piece, or nothing at all when anything is wrong with it. An error of w
// itself is passed on.
func Write(w io.Writer, f Format, a Answer) error {
	if a.Reveal == nil {
		return errNoKey
	}
	// Looked at before anything else: no error below can then come up while a key is in hand, and
	// none could show it.
	expires := ""
	if a.Expires != nil {
		expires = a.Expires.UTC().Format(time.RFC3339)
	}
	var compose func(key string) ([]byte, error)
	switch f {
	case Plain:
		compose = func(key string) ([]byte, error) { return []byte(key + "\n"), nil }
	case Git:
		compose = func(key string) ([]byte, error) { return []byte("password=" + key + "\n"), nil }
	case JSON:
		compose = func(key string) ([]byte, error) {
			var until *string
			if expires != "" {
				until = &expires
			}
			return encode(struct {
				Version int     `json:"version"`
				Account string  `json:"account"`
				Key     string  `json:"key"`
				Expires *string `json:"expires"`
			}{1, a.Account, key, until})
		}
	case EngFlow:
		compose = func(key string) ([]byte, error) {
			return encode(struct {
				Headers map[string][]string `json:"headers"`
				Expires string              `json:"expires,omitempty"`
			}{map[string][]string{"Authorization": {"Bearer " + key}}, expires})
		}
	default:
		return fmt.Errorf("no such format %q; use plain, json, git or engflow", f)
	}
	key := a.Reveal()
	if !bare(key) {
		return errNoKey
	}
	text, err := compose(key)
	if err != nil {
		return errors.New("the credential could not be encoded") // the cause could quote it
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("write the credential: %w", err)
	}
	return nil
}

// bare reports whether key can stand in a line and in a header: anything else
// could smuggle in a line or a header of its own.
func bare(key string) bool {
	return key != "" && !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\uFFFD' })
}

// encode gives one line of JSON, with <, > and & as they are.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return buf.Bytes(), err
}
