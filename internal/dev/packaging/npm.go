package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ocgo-key/helper/opencode"
)

const (
	npmName     = "ocgo-key"
	npmScope    = "@ocgo-key/" // program.js has the same value
	description = "OpenCode Go keys in the OS keychain, rotated at their limits"
)

// These systems have other names in Node.js than in Go.
var nodeNames = map[string]string{"windows": "win32", "amd64": "x64"}

func nodeName(name string) string {
	if other := nodeNames[name]; other != "" {
		return other
	}
	return name
}

// A manifest is a package.json. It has no scripts: installing runs none of our code.
type manifest struct {
	Name                 string            `json:"name"`
	Version              string            `json:"version"`
	Description          string            `json:"description"`
	License              string            `json:"license"`
	Homepage             string            `json:"homepage"`
	Repository           map[string]string `json:"repository"`
	Type                 string            `json:"type,omitempty"`
	Bin                  map[string]string `json:"bin,omitempty"`
	Exports              map[string]string `json:"exports,omitempty"`
	Engines              map[string]string `json:"engines,omitempty"`
	OS                   []string          `json:"os,omitempty"`
	CPU                  []string          `json:"cpu,omitempty"`
	PreferUnplugged      bool              `json:"preferUnplugged,omitempty"` // so that Yarn unpacks the program
	OptionalDependencies map[string]string `json:"optionalDependencies,omitempty"`
}

func (r *release) manifest(name, description string) manifest {
	home := "https://github.com/" + r.Owner + "/ocgo-key"
	return manifest{Name: name, Version: r.Version, Description: description, License: "MIT", Homepage: home,
		Repository: map[string]string{"type": "git", "url": "git+" + home + ".git"}}
}

// npm writes a package for each program. It also writes the package that users install, which
// depends on the other packages with exactly the same version.
func (r *release) npm(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	texts := map[string][]byte{}
	for _, name := range []string{"LICENSE", "README.md"} {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		texts[name] = content
	}
	user := r.manifest(npmName, description)
	user.Type = "module"
	user.Bin = map[string]string{"ocgo-key": opencode.PackageStart}
	user.Exports = map[string]string{"./server": "./" + opencode.PackagePlugin, "./tui": "./" + opencode.PackageToasts}
	user.Engines = map[string]string{"node": ">=18"}
	user.OptionalDependencies = map[string]string{}
	for _, p := range r.Programs {
		m := r.manifest(npmScope+nodeName(p.Goos)+"-"+nodeName(p.Goarch), "The program of the package ocgo-key for one system")
		m.OS, m.CPU, m.PreferUnplugged = []string{nodeName(p.Goos)}, []string{nodeName(p.Goarch)}, true
		user.OptionalDependencies[m.Name] = r.Version
		program, err := os.ReadFile(p.Path)
		if err != nil {
			return err
		}
		name := "bin/ocgo-key" + filepath.Ext(p.Path)
		if err := r.pack(dir, m, name, map[string][]byte{"LICENSE": texts["LICENSE"], name: program}); err != nil {
			return err
		}
	}
	maps.Copy(texts, opencode.PackageFiles())
	return r.pack(dir, user, opencode.PackageStart, texts)
}

// pack writes a package with the file name that `npm pack` would use. Only the named file is
// executable. npm gives the files to the user who installs them, so owners do not matter. The time
// of all files is that of the commit.
func (r *release) pack(dir string, m manifest, executable string, files map[string][]byte) error {
	content, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	files["package.json"] = append(content, '\n')
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		mode := int64(0o644)
		if name == executable {
			mode = 0o755
		}
		head := &tar.Header{Name: path.Join("package", name), Mode: mode, Size: int64(len(files[name])), ModTime: r.Time}
		if err := w.WriteHeader(head); err != nil {
			return err
		}
		if _, err := w.Write(files[name]); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		return err
	}
	name := strings.NewReplacer("@", "", "/", "-").Replace(m.Name)
	return os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%s.tgz", name, m.Version)), packed.Bytes(), 0o644)
}
