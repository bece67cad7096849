// Command packaging makes the files of a release that goreleaser cannot make: a Homebrew formula
// that builds from source, and the npm packages, which contain the programs that goreleaser built.
// For the same programs and the same commit, the bytes are the same.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A release has the data that goreleaser recorded in metadata.json and artifacts.json.
type release struct {
	Tag, Version, Commit string
	Owner                string     `json:"-"`
	Time                 time.Time  `json:"-"` // the commit's
	Programs             []artifact `json:"-"`
}

type artifact struct {
	Path, Type, Goos, Goarch string
}

func main() {
	dist := flag.String("dist", "", "the folder that goreleaser wrote")
	owner := flag.String("owner", "OWNER", "the account that the repository belongs to")
	flag.Parse()
	if err := build(*dist, *owner); err != nil {
		fmt.Fprintln(os.Stderr, "packaging:", err)
		os.Exit(1)
	}
}

// build writes dist/npm/*.tgz and dist/homebrew/ocgo-key.rb.
func build(dist, owner string) error {
	r, err := read(dist)
	if err != nil {
		return err
	}
	r.Owner = owner
	if err := r.npm(filepath.Join(dist, "npm")); err != nil {
		return err
	}
	return r.formula(filepath.Join(dist, "homebrew", "ocgo-key.rb"))
}

// read returns the release in dist. The paths of its programs are relative to the working folder of
// goreleaser, which is also that of this command.
func read(dist string) (*release, error) {
	r := &release{}
	var all []artifact
	for name, into := range map[string]any{"metadata.json": r, "artifacts.json": &all} {
		content, err := os.ReadFile(filepath.Join(dist, name))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(content, into); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, a := range all {
		if a.Type == "Binary" {
			r.Programs = append(r.Programs, a)
		}
	}
	if r.Version == "" || len(r.Programs) == 0 {
		return nil, errors.New("there is no finished build in " + dist)
	}
	out, err := exec.Command("git", "show", "--no-patch", "--format=%cI", r.Commit).Output()
	if err != nil {
		return nil, fmt.Errorf("the time of commit %s: %w", r.Commit, err)
	}
	r.Time, err = time.Parse(time.RFC3339, strings.TrimSpace(string(out)))
	return r, err
}
