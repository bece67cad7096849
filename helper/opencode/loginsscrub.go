package opencode

import (
	"bytes"
	"fmt"

	"github.com/tailscale/hujson"

	"ocgo-key/keychain"
)

// ScrubLogins calls taken with the key of each login, and returns the source without the logins for
// which taken returns true. A login is a provider's member of auth.json, the key of a provider in a
// configuration, an element of an accounts file, or a line of a list. Logins with Stays remain.
// Everything else is unchanged, byte for byte, including comments and formatting. Errors wrap
// ErrLogins; then the source must be left unchanged.
func ScrubLogins(source []byte, taken func(keychain.Secret) bool) ([]byte, error) {
	before, err := ReadKeys(source, nil)
	if err != nil {
		return nil, err
	}
	mark, text := source[:0], source
	if bytes.HasPrefix(source, bom) {
		mark, text = source[:len(bom)], source[len(bom):]
	}
	if shape, _ := shapeOf(text); shape == jsonShape {
		quoted, references := quoteReferences(string(text), false)
		text = []byte(quoted)
		for next := text; next != nil; next = cutLogin(text, taken) {
			text = next
		}
		text = []byte(references.restore(string(text)))
	} else {
		text = cutLines(text, taken)
	}
	scrubbed := append(bytes.Clone(mark), text...)
	if err := checkScrubbed(before, scrubbed, taken); err != nil {
		return nil, err
	}
	return scrubbed, nil
}

// removable reports whether ScrubLogins removes the login.
func (l Login) removable(taken func(keychain.Secret) bool) bool {
	return l.Problem == "" && l.Stays == "" && taken(l.Key)
}

// checkScrubbed returns an error if the result does not have exactly the logins that should remain.
func checkScrubbed(before Logins, scrubbed []byte, taken func(keychain.Secret) bool) error {
	after, err := ReadKeys(scrubbed, nil)
	if err != nil {
		return fmt.Errorf("the result cannot be read: %w", err)
	}
	i := 0
	for _, login := range before.Found {
		if login.removable(taken) {
			continue
		}
		if i == len(after.Found) || !after.Found[i].Key.Equal(login.Key) || after.Found[i].Label != login.Label {
			return notLogins("removing the keys would remove other logins too")
		}
		i++
	}
	if i != len(after.Found) {
		return notLogins("a key would remain")
	}
	return nil
}

// cutLines removes each line of list that is a removable login.
func cutLines(list []byte, taken func(keychain.Secret) bool) []byte {
	kept := make([]byte, 0, len(list))
	for line := range bytes.Lines(list) {
		if login, says, fits := listLogin(string(line)); says && fits && login.removable(taken) {
			continue
		}
		kept = append(kept, line...)
	}
	return kept
}

// cutLogin removes the first removable login. It returns nil if there is none.
func cutLogin(text []byte, taken func(keychain.Secret) bool) []byte {
	root, err := parseRoot(text)
	if err != nil {
		return nil
	}
	members := membersOf(root)
	for i, m := range root.Members {
		if login, ok := authLogin(m); ok && login.removable(taken) {
			return cutItem(text, members, i)
		}
		for _, login := range configLogins(m) {
			if login.removable(taken) {
				return cutItem(text, membersOf(login.options), login.index)
			}
		}
		accounts, ok := accountsOf(m)
		if !ok {
			continue
		}
		for j, element := range accounts.Elements {
			if login := accountLogin(j, element); login.removable(taken) {
				return cutItem(text, elements(accounts), j)
			}
		}
	}
	return nil
}

func membersOf(o *hujson.Object) []item {
	members := make([]item, len(o.Members))
	for i, m := range o.Members {
		members[i] = item{m.Name.StartOffset, m.Value.EndOffset, m.Name.BeforeExtra, m.Value.AfterExtra}
	}
	return members
}

func elements(a *hujson.Array) []item {
	items := make([]item, len(a.Elements))
	for i, e := range a.Elements {
		items[i] = item{e.StartOffset, e.EndOffset, e.BeforeExtra, e.AfterExtra}
	}
	return items
}

// item is a member of an object or an element of an array, and its position in the text.
type item struct {
	start, end    int
	before, after []byte // white space and comments before the item, and between it and its comma; after is nil if it has no comma
}

// comma returns the position of the comma after the item, if there is one.
func (it item) comma() int { return it.end + len(it.after) }

// cutItem removes an item, the comma that is no longer needed, and the item's white space. Comments
// stay, because they may belong to something else.
func cutItem(text []byte, items []item, i int) []byte {
	it, last := items[i], i == len(items)-1
	head, tail := text[:it.start], text[it.end:]
	if !last || it.after != nil {
		tail = text[it.comma()+1:]
	}
	var inner []byte // comments between the item and its comma
	if len(bytes.TrimSpace(it.after)) > 0 {
		inner = it.after
	}
	if !last {
		// The next item takes the place of this one.
		return bytes.Join([][]byte{head, inner, bytes.TrimLeft(tail, space)}, nil)
	}
	before := it.before[:len(it.before)-len(trailingSpace(it.before))]
	head = head[:it.start-len(it.before)]
	if i > 0 && it.after == nil { // the removed item was the last one, without a comma; now the item before it is the last
		head = head[:items[i-1].comma()]
	}
	if bytes.HasSuffix(before, []byte("\n")) { // otherwise an empty line would follow
		tail = bytes.TrimPrefix(bytes.TrimPrefix(tail, []byte("\r")), []byte("\n"))
	}
	return bytes.Join([][]byte{head, before, inner, tail}, nil)
}

const space = " \t\r\n"

// trailingSpace returns the white space at the end of extra. The line end after a comment is not
// included, because it may belong to the comment.
func trailingSpace(extra []byte) []byte {
	end := len(bytes.TrimRight(extra, space))
	if newline := bytes.IndexByte(extra[end:], '\n'); end > 0 && newline >= 0 {
		end += newline + 1
	}
	return extra[end:]
}
