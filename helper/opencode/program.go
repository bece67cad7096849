package opencode

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Program describes an `opencode` on this machine. It was identified without being run.
type Program struct {
	Path string // the absolute path of the command
	// Real is the program that Path leads to, if Path is a link, a launcher or a shim; otherwise
	// Path.
	Real string
	// Generation is the major version, 1 or 2; 0 if it is not known.
	Generation int
	// Version is the version in the package or the program ("2.0.15"); empty if it is not known.
	Version string
}

// testedVersions are the versions that ocgo-key was tested with, one of each release line. Others of
// the same line (1.18.x, 2.0.x) count as tested.
var testedVersions = []string{"1.18.33", "2.0.15"}

// Tested reports whether ocgo-key was tested with the program's release line.
func (p Program) Tested() bool {
	for _, tested := range testedVersions {
		line := tested[:strings.LastIndexByte(tested, '.')+1]
		patch, ok := strings.CutPrefix(p.Version, line)
		if _, err := strconv.Atoi(patch); ok && err == nil {
			return true
		}
	}
	return false
}

// Untested returns a sentence for the user, without a full stop, if ocgo-key was not tested with the
// program; empty if it was.
func (p Program) Untested() string {
	tested := strings.Join(testedVersions, " and ")
	switch {
	case p.Tested():
		return ""
	case p.Version == "" && p.Generation != 0:
		return fmt.Sprintf("%s is an OpenCode %d of unknown version; ocgo-key was tested with %s", p.Path, p.Generation, tested)
	case p.Version == "":
		return fmt.Sprintf("the version of %s is not known; ocgo-key was tested with %s", p.Path, tested)
	}
	return fmt.Sprintf("opencode %s was not tested with ocgo-key; %s were", p.Version, tested)
}

// If the version is not known, Says takes it from the program's output for --version ("1.18.33",
// "opencode v2.0.15").
func (p *Program) Says(output string) {
	if p.Version != "" {
		return
	}
	known := p.Generation
	for _, word := range strings.Fields(output) {
		if p.setVersion(strings.TrimPrefix(word, "v")); p.Version != "" {
			break
		}
	}
	p.Generation = cmp.Or(p.Generation, known)
}

// String returns a name to show: "OpenCode 2.0.15".
func (p Program) String() string {
	switch {
	case p.Version != "":
		return "OpenCode " + p.Version
	case p.Generation != 0:
		return fmt.Sprintf("OpenCode %d of unknown version", p.Generation)
	}
	return "an unknown OpenCode"
}

// maxHops is the largest number of launchers and shims that are followed.
const maxHops = 8

// Identify determines which OpenCode the file at path is, without running it. It reads the
// package.json of the program's package, or else searches the program itself. cache remembers the
// result of the search; it may be nil. An unknown program has Generation 0. An error means that the
// file cannot be read.
func Identify(path string, cache *Cache) (Program, error) {
	p, err := identify(path, cache)
	if err != nil {
		err = fmt.Errorf("cannot identify %s: %w", path, err)
	}
	return p, err
}

func identify(path string, cache *Cache) (Program, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Program{}, err
	}
	p := Program{Path: abs, Real: abs}
	next := abs
	for range maxHops {
		real, err := filepath.EvalSymlinks(next)
		if err != nil {
			return p, err
		}
		p.Real = real
		head, text, err := beginning(real)
		if err != nil {
			return p, err
		}
		if of, ok := packageOf(real); ok {
			p.setVersion(of.Version)
			if text {
				p.followLauncher(of)
			}
			return p, nil
		}
		switch next = ""; {
		case text:
			next = target(real, head, isFile)
		case strings.EqualFold(filepath.Ext(real), ".exe"):
			next = scoopTarget(real)
		}
		switch {
		case next == "" && text:
			return p, nil // a script that does not show which program it starts
		case next == "":
			found, err := scanned(real, cache)
			p.Generation, p.Version = found.Generation, found.Version
			return p, err
		}
	}
	return p, nil
}

// setVersion sets Version and Generation, unless version is malformed. Builds from OpenCode's
// sources have version 0.0.0-…, which does not show the generation.
func (p *Program) setVersion(version string) {
	m := programVersion().FindStringSubmatch(version)
	if m == nil {
		return
	}
	p.Version = version
	p.Generation, _ = strconv.Atoi(m[1])
}

var programVersion = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([0-9]{1,4})\.[0-9]{1,6}\.[0-9]{1,12}(?:[-+][0-9A-Za-z.+-]{1,64})?$`)
})

// npmPackage holds the members of a package.json that are needed.
type npmPackage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	folder  string
}

// packageOf reads the package.json one folder above the program, if it is OpenCode's.
func packageOf(program string) (npmPackage, bool) {
	return readPackage(filepath.Dir(filepath.Dir(program)))
}

func readPackage(folder string) (npmPackage, bool) {
	const most = 1 << 20
	of := npmPackage{folder: folder}
	path := filepath.Join(folder, "package.json")
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return of, false
	}
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &of) != nil || programVersion().FindString(of.Version) == "" {
		return of, false
	}
	return of, of.Name == launcher1 || of.Name == launcher2 || isPlatform(of.Name)
}

// The names of the packages that users install.
const (
	launcher1 = "opencode-ai"
	launcher2 = "@opencode/cli"
)

// isPlatform reports whether a package contains the program for one system: opencode-linux-x64,
// @opencode/cli-darwin-arm64.
func isPlatform(name string) bool {
	for _, begin := range []string{"opencode-", launcher2 + "-"} {
		rest, ok := strings.CutPrefix(name, begin)
		system, _, _ := strings.Cut(rest, "-")
		if ok && (system == "linux" || system == "darwin" || system == "windows") {
			return true
		}
	}
	return false
}

// followLauncher sets Real to the program that a launcher script starts. npm and pnpm install this
// program beside the script's package or below it. If there is none, Real stays the script, whose
// package has the same version.
func (p *Program) followLauncher(of npmPackage) {
	begin := "opencode-" + runtime.GOOS + "-"
	above := filepath.Dir(of.folder)
	below := filepath.Join(of.folder, "node_modules")
	if of.Name == launcher2 {
		begin = "cli-" + runtime.GOOS + "-"
		below = filepath.Join(below, "@opencode")
	}
	for _, folder := range []string{below, above} {
		entries, _ := os.ReadDir(folder) // if the folder is missing, there is no program
		for _, entry := range entries {
			candidate := filepath.Join(folder, entry.Name())
			platform, ok := readPackage(candidate)
			real := filepath.Join(candidate, "bin", programName(runtime.GOOS))
			if ok && strings.HasPrefix(entry.Name(), begin) && isFile(real) {
				p.setVersion(platform.Version)
				p.Real = real
				return
			}
		}
	}
}

func programName(goos string) string {
	if goos == "windows" {
		return "opencode.exe"
	}
	return "opencode"
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Find returns the first opencode in the folders of search, the value of PATH, that is not one of
// our shims. The error wraps exec.ErrNotFound if there is none. Relative folders in PATH are
// skipped, as in os/exec.
func Find(search string) (string, error) {
	for _, dir := range filepath.SplitList(search) {
		if !filepath.IsAbs(dir) {
			continue
		}
		path, err := exec.LookPath(filepath.Join(dir, "opencode"))
		if err != nil {
			continue
		}
		if head, text, err := beginning(path); err == nil && text {
			if _, ours := Ours(head); ours {
				continue
			}
		}
		return path, nil
	}
	return "", &exec.Error{Name: "opencode", Err: exec.ErrNotFound}
}

// Older reports whether version a is before b. It returns false if one of them is not a version.
func Older(a, b string) bool {
	one, other := numbers(a), numbers(b)
	return len(one) == len(other) && slices.Compare(one, other) < 0
}

func numbers(version string) []int {
	if programVersion().FindString(version) == "" {
		return nil
	}
	version, _, _ = strings.Cut(version, "-")
	version, _, _ = strings.Cut(version, "+")
	var found []int
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part) // digits
		found = append(found, n)
	}
	return found
}
