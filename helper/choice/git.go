package choice

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// tracked reports whether git tracks the file. It reads git's index and does not start git, since
// git may run programs that the configuration of a downloaded repository names. If the index cannot
// be read, the file counts as tracked.
func tracked(path string) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		git := filepath.Join(dir, ".git")
		if info, err := os.Stat(git); err == nil {
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return true
			}
			if !info.IsDir() {
				git = elsewhere(git, dir)
			}
			content, err := os.ReadFile(filepath.Join(git, "index"))
			if errors.Is(err, os.ErrNotExist) {
				return false // no file was ever added
			}
			return err != nil || inIndex(content, filepath.ToSlash(name))
		}
		if filepath.Dir(dir) == dir {
			return false
		}
	}
}

// elsewhere returns the folder that a file .git names. Worktrees and submodules have such a file.
func elsewhere(file, dir string) string {
	content, err := os.ReadFile(file)
	name, ok := strings.CutPrefix(strings.TrimSpace(string(content)), "gitdir: ")
	if err != nil || !ok {
		return file // there is no index below a file, so the caller returns true
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	return name
}

// inIndex reports whether the index has an entry of this name, or has an unknown format. The
// format: https://git-scm.com/docs/index-format.
func inIndex(index []byte, name string) bool {
	hash := sha1.Size
	if end := len(index) - sha256.Size; end >= 0 {
		if sum := sha256.Sum256(index[:end]); bytes.Equal(sum[:], index[end:]) {
			hash = sha256.Size
		}
	}
	found, ok := scanIndex(index, name, hash)
	return found || !ok
}

// scanIndex searches for name in an index whose hashes have this length. ok is false if the format
// is not valid.
func scanIndex(index []byte, name string, hash int) (found, ok bool) {
	if len(index) < 12+hash || string(index[:4]) != "DIRC" {
		return false, false
	}
	version, count := binary.BigEndian.Uint32(index[4:]), binary.BigEndian.Uint32(index[8:])
	if version < 2 || version > 4 {
		return false, false
	}
	rest, end := index[12:], len(index)-hash
	var path []byte
	for range count {
		head := 40 + hash + 2
		if len(rest) < head+1 {
			return false, false
		}
		if flags := binary.BigEndian.Uint16(rest[head-2:]); version >= 3 && flags&0x4000 != 0 {
			head += 2
		}
		at := head
		if version == 4 { // the entry has only the end of its name; the beginning is that of the previous name
			drop, n := offset(rest[min(at, len(rest)):])
			if n == 0 || drop > len(path) {
				return false, false
			}
			at, path = at+n, path[:len(path)-drop]
		} else {
			path = path[:0]
		}
		length := bytes.IndexByte(rest[min(at, len(rest)):], 0)
		if length < 0 {
			return false, false
		}
		path = append(path, rest[at:at+length]...)
		found = found || string(path) == name
		size := at + length + 1
		if version < 4 {
			size = (at + length + 8) / 8 * 8
		}
		if len(rest) < size {
			return false, false
		}
		rest = rest[size:]
	}
	extensions := index[len(index)-len(rest) : end]
	if len(extensions) >= 4 && !known(extensions) {
		return true, true
	}
	return found, len(index)-len(rest) <= end
}

// known reports whether the index has all entries. A split index has some in another file; a sparse
// index has folders instead of files.
func known(extensions []byte) bool {
	for len(extensions) >= 8 {
		size := int(binary.BigEndian.Uint32(extensions[4:]))
		if name := string(extensions[:4]); name == "link" || name == "sdir" || size < 0 || size > len(extensions)-8 {
			return false
		}
		extensions = extensions[8+size:]
	}
	return len(extensions) == 0
}

// offset decodes the number that precedes a name in version 4 of the index. n is the length of the
// number in bytes, or 0 if there is none.
func offset(b []byte) (value, n int) {
	for n = 0; n < len(b) && n < 8; n++ {
		if n > 0 {
			value++
		}
		value = value<<7 | int(b[n]&0x7f)
		if b[n]&0x80 == 0 {
			return value, n + 1
		}
	}
	return 0, 0
}
