package opencode

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"time"

	"ocgo-key/internal/atomicfile"
	"ocgo-key/internal/paths"
	"ocgo-key/internal/trust"
)

// ProgramsName is the name of the cache file in the state folder. It contains no secret, and may be
// deleted at any time.
const ProgramsName = "opencode-programs.json"

// maxPrograms is the largest number of programs that are remembered.
const maxPrograms = 16

// Cache remembers what programs contain, by path, size and modification time. A cache file that
// cannot be read or written is ignored: scanning a program again takes less than a second. A nil
// Cache remembers nothing.
type Cache struct {
	path string
}

// OpenCache returns the cache in a folder, which need not exist.
func OpenCache(folder string) *Cache { return &Cache{filepath.Join(folder, ProgramsName)} }

type (
	cacheFile struct {
		Version  int             `json:"version"`
		Programs []cachedProgram `json:"programs"` // the newest last
	}
	cachedProgram struct {
		Path       string    `json:"path"`
		Size       int64     `json:"size"` // bytes
		Changed    time.Time `json:"changed"`
		Generation int       `json:"generation"`
		Version    string    `json:"version"`
	}
)

// cacheVersion changes with the file's format and with the rules for identifying programs. Files of
// other versions are ignored.
const cacheVersion = 1

func (c *Cache) read() (programs []cachedProgram) {
	const most = 64 << 10
	if c == nil {
		return nil
	}
	info, err := os.Lstat(c.path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return nil
	}
	text, err := os.ReadFile(c.path)
	var file cacheFile
	if err != nil || json.Unmarshal(text, &file) != nil || file.Version != cacheVersion {
		return nil
	}
	return file.Programs
}

func (c *Cache) get(path string, info os.FileInfo) (Program, bool) {
	for _, known := range c.read() {
		if known.Path == path && known.Size == info.Size() && known.Changed.Equal(info.ModTime()) {
			var p Program
			p.setVersion(known.Version)
			p.Generation = known.Generation
			return p, true
		}
	}
	return Program{}, false
}

func (c *Cache) put(path string, info os.FileInfo, p Program) {
	if c == nil {
		return
	}
	programs := slices.DeleteFunc(c.read(), func(known cachedProgram) bool { return known.Path == path })
	programs = append(programs, cachedProgram{path, info.Size(), info.ModTime(), p.Generation, p.Version})
	text, err := json.Marshal(cacheFile{cacheVersion, programs[max(0, len(programs)-maxPrograms):]})
	if err != nil {
		return
	}
	if _, err := os.Stat(filepath.Dir(c.path)); err != nil {
		return // the cache does not create the folder
	}
	_ = atomicfile.Write(c.path, append(text, '\n'), 0o600, false) // on failure, the next scan takes as long as this one
}

// IdentifyRemembered is [Identify] with the cache in ocgo-key's state folder.
func IdentifyRemembered(getenv func(string) string, path string) (Program, error) {
	dir, err := paths.StateDir(getenv, os.UserHomeDir)
	if err != nil || trust.Folder(dir) != nil {
		return Identify(path, nil)
	}
	return Identify(path, OpenCache(dir))
}
