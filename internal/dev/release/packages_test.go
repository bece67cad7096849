//go:build packages

package release

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	version = "1.2.3"
	owner   = "the-owner"
)

// run runs a command to its end, and returns its output.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %s\n%s", name, strings.Join(args, " "), out)
	return string(out)
}

const origin = "https://localhost/" + owner + "/ocgo-key.git"

// copyHere creates a repository with the present files, one commit, a tag and a remote.
func copyHere(t *testing.T, dir string) {
	t.Helper()
	root := filepath.Join("..", "..", "..")
	for _, name := range strings.Split(strings.TrimSuffix(run(t, root, nil, "git", "ls-files", "-coz", "--exclude-standard"), "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // the file was deleted, and that is not committed yet
		}
		require.NoError(t, err)
		require.True(t, info.Mode().IsRegular(), name)
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, info.Mode().Perm()&0o100|0o644))
	}
	env := []string{"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@localhost", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@localhost", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z"}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"commit", "-q", "-m", "One"},
		{"tag", "v" + version}, {"remote", "add", "origin", origin}} {
		run(t, dir, env, "git", args...)
	}
}

// makeRelease makes all files of a release from the copy in dir, and returns their folder.
func makeRelease(t *testing.T, dir string, umask string, env ...string) string {
	t.Helper()
	goreleaser := os.Getenv("GORELEASER")
	require.FileExists(t, goreleaser, "run this as `make test-packages`")
	run(t, dir, append(env, "GITHUB_REPOSITORY_OWNER="+owner), "sh", "-c",
		"umask "+umask+" && exec make packages SNAPSHOT= GORELEASER="+goreleaser)
	return filepath.Join(dir, ".cache", "dist")
}

// published lists the files that a release has, by name.
func published(t *testing.T, dist string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, pattern := range []string{"*.tar.gz", "*.zip", "*.deb", "*.rpm", "*.cdx.json", "checksums.txt", "homebrew/*.rb", "scoop/*.json", "npm/*.tgz"} {
		names, err := filepath.Glob(filepath.Join(dist, pattern))
		require.NoError(t, err)
		for _, name := range names {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			files[filepath.Base(name)] = text
		}
	}
	return files
}

// This is one long test, because making its files takes minutes.
func TestPackages(t *testing.T) {
	first := filepath.Join(t.TempDir(), "first")
	copyHere(t, first)
	dist := makeRelease(t, first, "022")
	files := published(t, dist)

	t.Run("all there", func(t *testing.T) {
		want := []string{"checksums.txt", "ocgo-key.rb", "ocgo-key.json"}
		for _, arch := range []string{"amd64", "arm64"} {
			for system, kind := range map[string]string{"linux": ".tar.gz", "darwin": ".tar.gz", "windows": ".zip"} {
				name := "ocgo-key_" + version + "_" + system + "_" + arch
				want = append(want, name+kind, name+".cdx.json")
			}
			want = append(want, "ocgo-key_"+version+"_"+arch+".deb")
		}
		want = append(want, "ocgo-key-"+version+".tgz")
		for _, system := range []string{"linux", "darwin", "win32"} {
			want = append(want, "ocgo-key-"+system+"-x64-"+version+".tgz", "ocgo-key-"+system+"-arm64-"+version+".tgz")
		}
		want = append(want, "ocgo-key-"+version+"-1.x86_64.rpm", "ocgo-key-"+version+"-1.aarch64.rpm")
		var have []string
		for name, text := range files {
			have = append(have, name)
			assert.NotEmpty(t, text, name)
		}
		assert.ElementsMatch(t, want, have)
		run(t, dist, nil, "sha256sum", "--strict", "--check", "checksums.txt")
		assert.Equal(t, 16, strings.Count(string(files["checksums.txt"]), "\n"))
	})

	t.Run("archives", func(t *testing.T) {
		want := []string{"CHANGELOG.md", "LICENSE", "README.md", "completions/_ocgo-key", "completions/ocgo-key.bash",
			"completions/ocgo-key.fish", "completions/ocgo-key.ps1", "man/ocgo-key.1"}
		for name, text := range files {
			switch {
			case strings.HasSuffix(name, ".tar.gz"):
				assert.ElementsMatch(t, append([]string{"ocgo-key"}, want...), tarNames(t, string(text)), name)
			case strings.HasSuffix(name, ".zip"):
				archive, err := zip.NewReader(strings.NewReader(string(text)), int64(len(text)))
				require.NoError(t, err)
				var names []string
				for _, f := range archive.File {
					names = append(names, f.Name)
				}
				assert.ElementsMatch(t, append([]string{"ocgo-key.exe"}, want...), names, name)
			}
		}
	})

	t.Run("manifests", func(t *testing.T) {
		assert.Contains(t, string(files["ocgo-key.json"]), "https://github.com/"+owner+"/ocgo-key/releases/download/v"+version+"/ocgo-key_"+version+"_")
		assert.NotContains(t, string(files["ocgo-key.json"]), "OWNER")
		for line := range strings.Lines(string(files["checksums.txt"])) {
			if sum, name, _ := strings.Cut(strings.TrimSpace(line), "  "); strings.HasSuffix(name, ".zip") {
				assert.Contains(t, string(files["ocgo-key.json"]), sum, name)
			}
		}
	})

	// These are the steps of the formula, without Homebrew: clone the tag without its history, and
	// build it.
	t.Run("formula", func(t *testing.T) {
		formula := string(files["ocgo-key.rb"])
		assert.NotContains(t, formula, "{{")
		assert.Contains(t, formula, `url "https://github.com/`+owner+`/ocgo-key.git"`)
		assert.Contains(t, formula, `tag:      "v`+version+`"`)
		assert.Contains(t, formula, `revision: "`+strings.TrimSpace(run(t, first, nil, "git", "rev-parse", "HEAD"))+`"`)
		dir := filepath.Join(t.TempDir(), "clone")
		run(t, "", nil, "git", "clone", "-q", "--depth", "1", "--branch", "v"+version, "file://"+first, dir)
		program := filepath.Join(t.TempDir(), "bin", "ocgo-key")
		require.Contains(t, formula, `system "make", "build", "BIN=#{bin}/ocgo-key"`)
		run(t, dir, []string{"GOFLAGS=-buildvcs=true"}, "make", "build", "BIN="+program) // the settings of this machine must have no effect
		assert.Contains(t, run(t, "", nil, program, "version"), "ocgo-key v"+version+" (")
	})

	t.Run("npm", func(t *testing.T) {
		for name, text := range files {
			if strings.HasSuffix(name, ".tgz") {
				assert.Contains(t, tarNames(t, string(text)), "package/package.json", name)
			}
		}
		assert.ElementsMatch(t, tarNames(t, string(files["ocgo-key-"+version+".tgz"])), []string{"package/LICENSE", "package/README.md",
			"package/package.json", "package/ocgo-key.js", "package/plugin.js", "package/program.js", "package/tui.js"})
		assert.Contains(t, tarNames(t, string(files["ocgo-key-win32-arm64-"+version+".tgz"])), "package/bin/ocgo-key.exe")
	})

	t.Run("what they were built from", func(t *testing.T) {
		for name, text := range files {
			if strings.HasSuffix(name, ".cdx.json") {
				assert.Contains(t, string(text), `/ocgo-key@v`+version, name)
				assert.Contains(t, string(text), "go-keyring", name)
				assert.Contains(t, string(text), "pkg:golang/std@", name)
			}
		}
	})

	t.Run("deb", func(t *testing.T) {
		// apt-get waits for other installations. A slim system does not install manual pages unless
		// told to.
		apt := []string{"apt-get", "-y", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "DPkg::Options::=--path-include=/usr/*"}
		file := filepath.Join(dist, "ocgo-key_"+version+"_"+strings.TrimSpace(run(t, "", nil, "dpkg", "--print-architecture"))+".deb")
		installs(t, "/", listing{zsh: "/usr/share/zsh/vendor-completions", license: "/usr/share/doc/ocgo-key/copyright",
			more: []string{"/usr/share/lintian/overrides/ocgo-key"}},
			asRoot(append(apt, "install", "--no-install-recommends", file)...), asRoot(append(apt, "purge", "ocgo-key")...))
		assert.Error(t, exec.Command("dpkg-query", "-W", "ocgo-key").Run(), "dpkg must not know the removed package")
	})

	// The rpm is installed into a separate root, because this machine may use other packages.
	t.Run("rpm", func(t *testing.T) {
		arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
		root := t.TempDir()
		t.Cleanup(func() { // root's files
			rm := asRoot("rm", "-rf", root)
			assert.NoError(t, exec.Command(rm[0], rm[1:]...).Run())
		})
		file := filepath.Join(dist, "ocgo-key-"+version+"-1."+arch+".rpm")
		installs(t, root, listing{zsh: "/usr/share/zsh/site-functions", license: "/usr/share/licenses/ocgo-key/LICENSE"},
			asRoot("rpm", "--root", root, "--dbpath", "/db", "--nodeps", "--force-debian", "-i", file),
			asRoot("rpm", "--root", root, "--dbpath", "/db", "--nodeps", "--force-debian", "-e", "ocgo-key"))
	})

	// A build of this commit with this version of Go is reproducible. The second build uses another
	// folder, module cache, umask, time zone and language, and no build cache. The machine is the
	// same.
	t.Run("again", func(t *testing.T) {
		second := filepath.Join(t.TempDir(), "a", "longer-path", "second")
		run(t, "", nil, "git", "clone", "-q", "--no-local", first, second)
		run(t, second, nil, "git", "remote", "set-url", "origin", origin)
		modules := strings.TrimSpace(run(t, second, nil, "go", "env", "GOMODCACHE"))
		again := published(t, makeRelease(t, second, "077", "GOCACHE="+t.TempDir(), "GOMODCACHE="+t.TempDir(),
			"GOFLAGS=-modcacherw", "GOPROXY=file://"+modules+"/cache/download", "GOSUMDB=off",
			"TZ=Pacific/Kiritimati", "LANG=C", "LC_ALL=C"))
		assert.Len(t, again, len(files))
		for name, text := range files {
			assert.True(t, string(text) == string(again[name]), "%s differs", name)
		}
	})
}

func tarNames(t *testing.T, text string) (names []string) {
	t.Helper()
	unzipped, err := gzip.NewReader(strings.NewReader(text))
	require.NoError(t, err)
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		require.NoError(t, err)
		assert.Contains(t, []string{"root", ""}, h.Uname, h.Name)
		names = append(names, h.Name)
	}
}

// asRoot returns the command line for something that only root may do.
func asRoot(args ...string) []string {
	if os.Geteuid() != 0 {
		return append([]string{"sudo", "-n"}, args...)
	}
	return args
}

// A listing has the paths that differ between kinds of packages.
type listing struct {
	zsh, license string
	more         []string
}

// installs checks the files of the installed package, and that removing the package removes them.
func installs(t *testing.T, root string, l listing, install, remove []string) {
	t.Helper()
	const doc = "/usr/share/doc/ocgo-key/CHANGELOG.md.gz"
	bash, fish, man := "/usr/share/bash-completion/completions/ocgo-key", "/usr/share/fish/vendor_completions.d/ocgo-key.fish", "/usr/share/man/man1/ocgo-key.1.gz"
	zsh := l.zsh + "/_ocgo-key"
	want := append([]string{"/usr/bin/ocgo-key", bash, zsh, fish, man, doc, l.license}, l.more...)
	here := func(path string) string { return filepath.Join(root, path) }
	// Files that did not exist before must be gone afterwards. dpkg must also remove every folder
	// above a file, rpm only the folders of the package.
	var gone []string
	for _, path := range want {
		require.NoFileExists(t, here(path), "ocgo-key is installed on this machine: remove it first")
		for dir := path; dir != "/"; dir = filepath.Dir(dir) {
			own := root == "/" || dir == path || filepath.Base(dir) == "ocgo-key"
			if _, err := os.Lstat(here(dir)); own && errors.Is(err, fs.ErrNotExist) {
				gone = append(gone, here(dir))
			}
		}
	}
	removed := false
	t.Cleanup(func() {
		if !removed {
			_ = exec.Command(remove[0], remove[1:]...).Run()
		}
	})
	run(t, "", nil, install[0], install[1:]...)

	for _, path := range want {
		info, err := os.Stat(here(path))
		if !assert.NoError(t, err) {
			continue
		}
		mode := fs.FileMode(0o644)
		if path == "/usr/bin/ocgo-key" {
			mode = 0o755
		}
		assert.Equal(t, mode, info.Mode(), path)
		assert.Equal(t, "2026-01-02T03:04:05Z", info.ModTime().UTC().Format("2006-01-02T15:04:05Z"), path)
	}
	program := here("/usr/bin/ocgo-key")
	said := run(t, "", nil, program, "version")
	assert.True(t, strings.HasPrefix(said, "ocgo-key v"+version+" ("), said)
	assert.Contains(t, run(t, "", nil, "mandoc", "-Tutf8", here(man)), "v"+version)
	path := []string{"PATH=" + filepath.Dir(program) + ":" + os.Getenv("PATH")}
	assert.Contains(t, run(t, "", path, "bash", "--norc", "-c", "source '"+here(bash)+"' && complete -p ocgo-key"), "ocgo-key")
	assert.Contains(t, run(t, "", path, "fish", "--no-config", "-c", "source '"+here(fish)+"'; complete -C 'ocgo-key ver'"), "version")
	run(t, "", path, "zsh", "-f", "-c", "fpath=('"+filepath.Dir(here(zsh))+"' $fpath); autoload -Uz compinit && compinit -u -D && [[ $_comps[ocgo-key] == _ocgo-key ]]")

	run(t, "", nil, remove[0], remove[1:]...)
	removed = true
	for _, path := range gone {
		_, err := os.Lstat(path)
		assert.ErrorIs(t, err, fs.ErrNotExist, "%s is left behind", path)
	}
	assert.True(t, slices.Contains(gone, program))
}
