package choice

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"ocgo-key/internal/atomicfile"
	"ocgo-key/internal/keyform"
	"ocgo-key/internal/text"
	"ocgo-key/internal/trust"
)

// FileName is the name of a file whose first line is the label of an account.
const FileName = ".ocgo-key"

// maxFile is the largest size of such a file, in bytes.
const maxFile = 4096

// File is a file called FileName.
type File struct {
	Path    string // absolute, without symbolic links
	Shown   string // for people: "./.ocgo-key"
	Label   string
	Tracked bool // git tracks it, so somebody else may have written it
}

// Look returns the nearest file FileName in folder or above it, or the zero File. The search ends
// at home, or outside of home at the repository's root. Outside of home and of a repository, Look
// searches only folder. The error is an *Ignored: the file is not safe, or has no valid label.
func Look(folder, home string) (File, error) {
	folder, err := filepath.EvalSymlinks(folder)
	if err == nil {
		folder, err = filepath.Abs(folder)
	}
	if err != nil {
		return File{}, nil // the folder was deleted
	}
	for _, dir := range upwards(folder, home) {
		path := filepath.Join(dir, FileName)
		if info, err := os.Lstat(path); err != nil || info.IsDir() {
			continue
		}
		shown := path
		if relative, err := filepath.Rel(folder, path); err == nil {
			shown = relative
		}
		if dir == folder {
			shown = "." + string(filepath.Separator) + FileName
		}
		label, err := read(path)
		if err != nil {
			return File{}, &Ignored{fmt.Errorf("%s is ignored: %w", text.Line(shown), err), "fix or delete the file; its first line must be the label of an account"}
		}
		return File{Path: path, Shown: text.Line(shown), Label: label, Tracked: tracked(path)}, nil
	}
	return File{}, nil
}

// upwards returns the folders that Look searches, the nearest first.
func upwards(folder, home string) []string {
	if home != "" {
		if real, err := filepath.EvalSymlinks(home); err == nil {
			home = real
		}
	}
	var all []string
	root := -1 // the index of the repository's root
	for dir := folder; ; dir = filepath.Dir(dir) {
		all = append(all, dir)
		switch {
		case dir == home:
			return all
		case root < 0 && exists(filepath.Join(dir, ".git")):
			root = len(all) - 1
		}
		if filepath.Dir(dir) == dir {
			return all[:max(root, 0)+1]
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// read returns the label in a file. It refuses a file that another user may have written. Errors
// contain no part of the content.
func read(path string) (label string, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", reason(err)
	}
	if doubt := trust.Doubt(path, info); doubt != "" {
		return "", errors.New("it " + doubt)
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is not a regular file")
	}
	f, err := os.OpenFile(path, os.O_RDONLY|trust.NoFollow, 0)
	if err != nil {
		return "", reason(err)
	}
	defer f.Close()
	if now, err := f.Stat(); err != nil || !os.SameFile(info, now) {
		return "", errors.New("it has just been replaced")
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", reason(err)
	}
	return Parse(content)
}

// reason returns err without the path, which is already in the message.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// Parse returns the label in the content of a file. The error says why the content is not valid.
// The error contains no part of the content, which may be a key.
func Parse(content []byte) (label string, err error) {
	switch {
	case len(content) > maxFile:
		return "", errors.New("it is too large")
	case !utf8.Valid(content):
		return "", errors.New("it is not text")
	case keyform.Within(string(content)):
		return "", errors.New("it contains what looks like a key, which belongs in the keychain")
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(string(content), "\ufeff"), "\n")
	label = strings.TrimSpace(first)
	switch {
	case label == "":
		return "", errors.New("its first line is empty")
	case text.Line(label) != label:
		return "", errors.New("its first line has characters that no label has")
	}
	return label, nil
}

// Write writes the file FileName with this label into folder. It replaces an existing file only if
// the file belongs to the user.
func Write(folder, label string) (File, error) {
	folder, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return File{}, err
	}
	path := filepath.Join(folder, FileName)
	if info, err := os.Lstat(path); err == nil {
		if doubt := trust.Doubt(path, info); doubt != "" || !info.Mode().IsRegular() {
			return File{}, fmt.Errorf("%s is not replaced: it %s", path, strings.TrimSpace(doubt+" "+kind(info)))
		}
	}
	if err := atomicfile.Write(path, []byte(label+"\n"), 0o644, false); err != nil {
		return File{}, err
	}
	return File{Path: path, Shown: "." + string(filepath.Separator) + FileName, Label: label, Tracked: tracked(path)}, nil
}

func kind(info fs.FileInfo) string {
	if info.Mode().IsRegular() || info.Mode()&fs.ModeSymlink != 0 {
		return ""
	}
	return "is not a regular file"
}
