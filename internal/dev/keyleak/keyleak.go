// Package keyleak checks that keys do not leak: each test run uses keys that contain a random mark.
// Afterwards the package searches for the mark in everything that was printed, written or shown in
// the process table.
//
// It is only for tests, imports nothing of this project, and changes nothing.
package keyleak

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Marker has one random mark, and the encodings in which it may occur. It is safe for concurrent
// use.
type Marker struct {
	mark  string
	forms []form
}

type form struct {
	name string // "plain", "base64", "hex"
	text []byte
}

// A Leak is one place where the mark was found.
type Leak struct {
	Where string // a file, a process, a stream
	Form  string // "plain", "base64", "hex" or "a number"
}

func (l Leak) String() string { return fmt.Sprintf("a key in %s (%s)", l.Where, l.Form) }

// New makes a random mark, and returns its Marker.
func New() *Marker {
	c := &Marker{mark: strings.ToLower(rand.Text())}
	c.forms = []form{
		{"plain", []byte(c.mark)},
		{"hex", []byte(hex.EncodeToString([]byte(c.mark)))},
		{"hex", []byte(strings.ToUpper(hex.EncodeToString([]byte(c.mark))))},
	}
	// In the base64 of a longer text, the mark may begin at any of the three positions in a group.
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := encoding.EncodeToString(append(make([]byte, before), c.mark...))
			text = text[(before*8+5)/6 : (before+len(c.mark))*8/6] // these characters depend only on the mark
			c.forms = append(c.forms, form{"base64", []byte(text)})
		}
	}
	return c
}

// Key returns a key that contains the mark and the name. Different names have different keys.
func (c *Marker) Key(name string) string { return "sk-marked-" + c.mark + "-" + name }

// Text searches text, such as a command's output.
func (c *Marker) Text(where string, text []byte) []Leak {
	var leaks []Leak
	for _, f := range c.forms {
		if leak := (Leak{where, f.name}); bytes.Contains(text, f.text) && !slices.Contains(leaks, leak) {
			leaks = append(leaks, leak)
		}
	}
	return leaks
}

// Words searches the stack traces of a crash, which show memory as numbers. It searches for eight
// bytes of the mark as a number, in both byte orders.
func (c *Marker) Words(where string, text []byte) []Leak {
	for at := range len(c.mark) - 8 + 1 {
		piece := []byte(c.mark[at : at+8])
		for _, n := range []uint64{binary.LittleEndian.Uint64(piece), binary.BigEndian.Uint64(piece)} {
			if bytes.Contains(bytes.ToLower(text), fmt.Appendf(nil, "%x", n)) {
				return []Leak{{where, "a number"}}
			}
		}
	}
	return nil
}

// Files searches everything below the roots: contents, names, and the targets of symbolic links. It
// returns an error if a root does not exist or a file can't be read, because the search then proves
// nothing. It skips sockets, pipes and files that vanish during the search.
func (c *Marker) Files(roots ...string) ([]Leak, error) {
	var leaks []Leak
	for _, root := range roots {
		if _, err := os.Stat(root); err != nil {
			return leaks, err
		}
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			leaks = append(leaks, c.Text("the name of "+path, []byte(entry.Name()))...)
			found, err := c.file(path, entry.Type())
			leaks = append(leaks, found...)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
		if err != nil {
			return leaks, err
		}
	}
	return leaks, nil
}

func (c *Marker) file(path string, kind fs.FileMode) ([]Leak, error) {
	switch {
	case kind&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		return c.Text("the target of "+path, []byte(target)), err
	case kind.IsRegular():
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return c.stream(path, f)
	}
	return nil, nil
}

// stream searches r in pieces. The pieces overlap, so that it also finds a mark at the end of a
// piece.
func (c *Marker) stream(where string, r io.Reader) ([]Leak, error) {
	const overlap = 256 // longer than any form
	var leaks []Leak
	buffer, kept := make([]byte, 1<<20), 0
	for {
		n, err := io.ReadFull(r, buffer[kept:])
		text := buffer[:kept+n]
		for _, leak := range c.Text(where, text) {
			if !slices.Contains(leaks, leak) {
				leaks = append(leaks, leak)
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return leaks, nil
		}
		if err != nil {
			return leaks, err
		}
		kept = copy(buffer, text[len(text)-overlap:])
	}
}
