package opencode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tailscale/hujson"

	"ocgo-key/internal/keyform"
	"ocgo-key/keychain"
)

// A Login is an entry with a key, or with something else where a key should be. It is from
// OpenCode's logins or configuration, from the accounts file of the plugin opencode-go-multi-auth,
// or from a list of keys.
type Login struct {
	// Entry is the login's position in the source: "opencode-go", "account 2", "line 3". It
	// contains nothing that a user wrote.
	Entry string
	// Label is the login's name in the source; empty if it has none. The user wrote it: it may be
	// any text except a key.
	Label    string
	Key      keychain.Secret
	Disabled bool
	// Problem says why there is no usable key; empty if there is one. It never quotes the source.
	Problem string
	// Stays says why the entry must remain in its source although its key is usable: removing the
	// entry would lose more than the key. It is empty if the entry can be removed. It quotes
	// nothing of the source except names of members.
	Stays string
}

// Logins are the logins of one source.
type Logins struct {
	Found []Login // in the order of the source
	// List is true if the source is a list of keys. Its labels may be any text.
	List bool
	// Last is the index in Found of the account that was handed out last; -1 if not known.
	Last int
}

// The greatest size of a source in bytes, number of its keys, and depth of its JSON.
const (
	MaxLoginFile = 1 << 20
	maxLogins    = 1000
	maxNesting   = 200
)

// ErrLogins means that a text can't be read as a source of logins. Its text never quotes the
// source.
var ErrLogins = errors.New("no logins can be read")

// ErrList, which wraps ErrLogins, means that a text is neither JSON nor a list of keys. The error
// names the lines that do not fit.
var ErrList = fmt.Errorf("%w: not every line is a key, or a label and a key", ErrLogins)

func notLogins(why string) error { return fmt.Errorf("%w: %s", ErrLogins, why) }

// bom is the byte order mark with which Windows programs begin UTF-8 text.
var bom = []byte("\ufeff")

// ReadLogins reads auth.json, a configuration of OpenCode, or the accounts file of
// opencode-go-multi-auth. All are JSON, and may have comments. An empty file has no logins.
// rotation is the content of RotationFile, which may be beside an accounts file; nil if there is
// none. Errors wrap ErrLogins. The formats of the plugin's files come from its storage.ts and
// rotate.ts (https://github.com/ftzi/opencode-go-multi-auth).
func ReadLogins(text, rotation []byte) (Logins, error) { return read(text, rotation, false) }

// ReadKeys reads a file that a user has named as a source of keys: what ReadLogins reads, or a list
// with one key per line. Errors wrap ErrLogins; they also wrap ErrList if the text may be meant as
// a list.
func ReadKeys(text, rotation []byte) (Logins, error) { return read(text, rotation, true) }

func read(text, rotation []byte, lists bool) (Logins, error) {
	var l Logins
	var err error
	text = bytes.TrimPrefix(text, bom)
	switch shape, refused := shapeOf(text); {
	case refused != nil:
		err = refused
	case shape == jsonShape:
		l, err = readJSON(text, rotation)
	case len(bytes.TrimSpace(text)) == 0:
		l.Last = -1
	case lists:
		l = Logins{List: true, Last: -1}
		l.Found, err = readList(text)
	default:
		err = notLogins("the content is not JSON")
	}
	if err == nil && len(l.Found) > maxLogins {
		err = notLogins(fmt.Sprintf("the content has more than %d keys", maxLogins))
	}
	if err != nil {
		return Logins{Last: -1}, err
	}
	return l, nil
}

type shape int

const (
	listShape shape = iota
	jsonShape
)

func shapeOf(text []byte) (shape, error) {
	start := bytes.TrimLeft(text, " \t\r\n")
	switch {
	case len(text) > MaxLoginFile:
		return 0, notLogins(fmt.Sprintf("the content is larger than %d bytes", MaxLoginFile))
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")):
		return 0, notLogins("the content is UTF-16; save the file as UTF-8")
	case bytes.IndexByte(text, 0) >= 0:
		return 0, notLogins("the content is not text")
	case bytes.HasPrefix(start, []byte("{")), bytes.HasPrefix(start, []byte("//")), bytes.HasPrefix(start, []byte("/*")):
		return jsonShape, nil
	case bytes.HasPrefix(start, []byte("[")):
		return 0, notLogins("the content is a JSON array, not auth.json, an accounts file or a list of keys")
	}
	return listShape, nil
}

// parseRoot returns the object that makes up the whole text.
func parseRoot(text []byte) (*hujson.Object, error) {
	// The parser recurses. Brackets within strings count as well, because no real file has so many.
	for i, depth := 0, 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth > maxNesting {
			return nil, notLogins("the content is nested too deeply")
		}
	}
	value, err := hujson.Parse(text)
	if err != nil {
		return nil, notLogins("the content is not JSON") // the parser's message could quote the content
	}
	root, ok := value.Value.(*hujson.Object)
	if !ok {
		return nil, notLogins("the content is not a JSON object")
	}
	return root, nil
}

func readJSON(text, rotation []byte) (Logins, error) {
	quoted, _ := quoteReferences(string(text), false)
	root, err := parseRoot([]byte(quoted))
	if err != nil {
		return Logins{}, err
	}
	l := Logins{Last: -1}
	position := -1
	for _, m := range root.Members {
		name := nameOf(m)
		if n, ok := number(m.Value); ok && (name == "rotationIndex" || name == "activeIndex") {
			position = n // the index of the account that was used last
		}
	}
	if rotation != nil {
		position = readRotation(rotation, position)
	}
	for _, m := range root.Members {
		if login, ok := authLogin(m); ok {
			l.Found = append(l.Found, login)
		}
		for _, login := range configLogins(m) {
			l.Found = append(l.Found, login.Login)
		}
		accounts, ok := accountsOf(m)
		if !ok {
			continue
		}
		if position >= 0 && position < len(accounts.Elements) {
			l.Last = len(l.Found) + position
		}
		for i, element := range accounts.Elements {
			l.Found = append(l.Found, accountLogin(i, element))
		}
	}
	return l, nil
}

// readRotation returns the position in the plugin's rotation file, which overrides the one in the
// accounts file.
func readRotation(text []byte, otherwise int) int {
	root, err := parseRoot(bytes.TrimPrefix(text, bom))
	if err != nil {
		return otherwise // the plugin ignores a broken file, too
	}
	for _, m := range root.Members {
		if n, ok := number(m.Value); ok && nameOf(m) == "lastUsedIndex" {
			return n
		}
	}
	return otherwise
}

// authLogin reads a member of auth.json if it is a key of a provider that takes a Go key. Logins of
// types other than api have tokens, which expire, and no key.
func authLogin(m hujson.ObjectMember) (Login, bool) {
	name := nameOf(m)
	if name != GoProvider && name != ZenProvider {
		return Login{}, false
	}
	entry, ok := m.Value.Value.(*hujson.Object)
	if !ok {
		return Login{}, false
	}
	if kind, _ := text(entry, "type"); kind != "api" {
		return Login{}, false
	}
	login := Login{Entry: name, Label: name}
	login.takeFrom(entry)
	return login, true
}

func accountsOf(m hujson.ObjectMember) (*hujson.Array, bool) {
	if nameOf(m) != "accounts" {
		return nil, false
	}
	accounts, ok := m.Value.Value.(*hujson.Array)
	return accounts, ok
}

// accountLogin reads the element with this index in an accounts file.
func accountLogin(index int, element hujson.Value) Login {
	login := Login{Entry: "account " + strconv.Itoa(index+1)}
	account, ok := element.Value.(*hujson.Object)
	if !ok {
		login.Problem = "the entry is not an account"
		return login
	}
	if login.Label, ok = text(account, "label"); !ok {
		login.Label, _ = text(account, "name")
	}
	enabled, ok := boolean(account, "enabled")
	disabled, _ := boolean(account, "disabled")
	login.Disabled = ok && !enabled || disabled
	login.takeFrom(account)
	return login
}

// take sets raw as the login's key, or sets Problem if raw cannot be a key. A label that contains
// the key is dropped.
func (l *Login) take(raw string) {
	key, err := keychain.ParseKey(raw)
	if err != nil {
		l.Problem, l.Label = err.Error(), ""
		return
	}
	if whole := strings.ReplaceAll(l.Label, key.Reveal(), ""); secretLike(whole) {
		l.Label, l.Stays = "", "the label looks like another key"
	} else if whole != l.Label {
		l.Label = ""
	}
	l.Key = key
}

// secretLike reports whether a part of a label begins like the service's keys.
func secretLike(label string) bool {
	words := strings.FieldsFunc(label, func(r rune) bool { return !isWord(r) })
	return slices.ContainsFunc(words, keyform.Begins)
}

func isWord(r rune) bool {
	return r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

func nameOf(m hujson.ObjectMember) string {
	name, _ := m.Name.Value.(hujson.Literal)
	return name.String()
}

// memberNames returns the names of an object's members. The object may be nil.
func memberNames(o *hujson.Object) (names []string) {
	if o != nil {
		for _, m := range o.Members {
			names = append(names, nameOf(m))
		}
	}
	return names
}

// property returns the value of the last member with this name; nil if there is none. JSON parsers
// use the last one too. The object may be nil.
func property(o *hujson.Object, name string) (found hujson.ValueTrimmed) {
	if o != nil {
		for _, m := range o.Members {
			if nameOf(m) == name {
				found = m.Value.Value
			}
		}
	}
	return found
}

// child returns the property of this name, if it is an object; otherwise nil.
func child(o *hujson.Object, name string) *hujson.Object {
	found, _ := property(o, name).(*hujson.Object)
	return found
}

func text(o *hujson.Object, name string) (string, bool) {
	literal, ok := property(o, name).(hujson.Literal)
	if !ok || literal.Kind() != '"' {
		return "", false
	}
	return literal.String(), true
}

func boolean(o *hujson.Object, name string) (value, ok bool) {
	literal, ok := property(o, name).(hujson.Literal)
	if !ok || literal.Kind() != 't' && literal.Kind() != 'f' {
		return false, false
	}
	return literal.Bool(), true
}

func number(v hujson.Value) (int, bool) {
	var n int
	literal, ok := v.Value.(hujson.Literal)
	if !ok || literal.Kind() != '0' || json.Unmarshal(literal, &n) != nil {
		return 0, false
	}
	return n, true
}
