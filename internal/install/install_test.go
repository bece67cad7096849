package install

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/hint"
)

// emptyHome returns the Places of a user with an empty home folder.
func emptyHome(t *testing.T) *Places {
	home := t.TempDir()
	return &Places{Program: filepath.Join(home, "bin", "ocgo-key"), Configs: []string{filepath.Join(home, "config", "opencode")},
		Shim: filepath.Join(home, "data", "bin", "opencode"), State: filepath.Join(home, "state")}
}

func home(w *Places) string { return filepath.Dir(w.State) }

// tree returns all folders and files below the home folder, by path, with the content of the files.
func tree(t *testing.T, w *Places) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(home(w), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			found[path] = "a folder"
			return err
		}
		content, err := os.ReadFile(path)
		found[path] = string(content)
		return err
	}))
	return found
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func installed(t *testing.T, w *Places) *Plan {
	t.Helper()
	p, err := w.PluginPlan()
	require.NoError(t, err)
	require.NoError(t, p.Apply())
	return p
}

// uninstalled removes an installation, and returns what Remove and Remains return.
func uninstalled(t *testing.T, w *Places) (steps []Step, foreign []string) {
	t.Helper()
	r, err := w.Remains()
	require.NoError(t, err)
	steps, err = r.Remove()
	require.NoError(t, err)
	return steps, r.Foreign
}

func lines(steps []Step) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(s.String() + "\n")
	}
	return b.String()
}

// In an empty home folder, the plan creates every folder and writes every file. After that, a new
// plan has nothing to do.
func TestPlanOnAnEmptyHome(t *testing.T) {
	w := emptyHome(t)
	p, err := w.PluginPlan()
	require.NoError(t, err)
	assert.False(t, p.Idle())
	config := w.Configs[0]
	folder := filepath.Join(config, opencode.PluginFolders[0])
	const shows = "  (shows the plugin's notices in OpenCode 2)\n"
	assert.Equal(t, "make    "+filepath.Dir(config)+"\nmake    "+config+"\nmake    "+folder+"\n"+
		"make    "+w.ToastFolder(filepath.Join(folder, "x"))+"\nmake    "+filepath.Join(config, opencode.ModulesName)+"\nmake    "+w.State+"\n"+
		"write   "+filepath.Join(folder, opencode.PluginName)+"  (starts "+w.Program+" gateway with OpenCode)\n"+
		"write   "+filepath.Join(folder, opencode.ToastFolder, "index.js")+shows+
		"write   "+filepath.Join(folder, opencode.ToastFolder, "tui.js")+shows+
		"write   "+filepath.Join(config, opencode.LockName)+"  (keeps OpenCode 1 from waiting for a package that this plugin does not need)\n",
		lines(p.Steps()))
	assert.Len(t, tree(t, w), 1, "the plan alone must write nothing")

	require.NoError(t, p.Apply())
	there := tree(t, w)
	assert.NoError(t, p.Contents(func(path string, content []byte) error {
		assert.Equal(t, string(content), there[path], path)
		return nil
	}))
	for _, s := range p.Steps() {
		assert.Contains(t, there, s.Path)
	}
	record, err := w.ReadRecord()
	require.NoError(t, err)
	assert.Len(t, record.Files, 4)
	assert.Len(t, record.Folders, 6)

	again, err := w.PluginPlan()
	require.NoError(t, err)
	assert.True(t, again.Idle())
	require.NoError(t, again.Apply())
	assert.Equal(t, there, tree(t, w))
}

// If a file is not ours or was written by a newer version, the plan fails before anything is
// written. A file of an older version is updated.
func TestPlanRefusesWhatIsNotItsOwn(t *testing.T) {
	for content, refusal := range map[string]string{
		"// my own plugin\n":       " is not a file of ocgo-key, so it is not replaced",
		"":                         " is not a file of ocgo-key, so it is not replaced",
		"// ocgo-key plugin 999\n": " was written by a newer ocgo-key",
		"// ocgo-key plugin 0\n":   "",
	} {
		w := emptyHome(t)
		path := w.PluginPaths(w.Configs[0])[0]
		write(t, path, content)
		before := tree(t, w)
		p, err := w.PluginPlan()
		if refusal == "" {
			require.NoError(t, err)
			assert.Contains(t, lines(p.Steps()), "update  "+path)
			continue
		}
		require.ErrorIs(t, err, hint.ErrExists)
		assert.EqualError(t, err, path+refusal)
		next, _ := hint.Of(err)
		assert.NotEmpty(t, next)
		assert.Equal(t, before, tree(t, w))
	}

	w := emptyHome(t)
	path := w.PluginPaths(w.Configs[0])[0]
	require.NoError(t, os.MkdirAll(path, 0o700))
	_, err := w.PluginPlan()
	require.ErrorIs(t, err, hint.ErrExists, "a folder in place of the file")
}

// Uninstall removes the written files, and the created folders unless they contain other files.
// Everything else stays.
func TestUninstallTakesExactlyWhatWasWritten(t *testing.T) {
	w := emptyHome(t)
	own := filepath.Join(w.Configs[0], opencode.PluginFolders[0], "own.js")
	write(t, own, "// my own plugin\n")
	before := tree(t, w)
	p := installed(t, w)
	assert.NotContains(t, lines(p.Steps()), opencode.LockName, "another plugin may need the package")
	write(t, filepath.Join(w.State, opencode.NoticesName), "a notice")
	r, err := w.Remains()
	require.NoError(t, err)
	assert.Len(t, r.Steps(), 3)
	steps, foreign := uninstalled(t, w)
	assert.Empty(t, foreign)
	assert.Len(t, steps, 3+2, "three files and two folders")
	assert.Equal(t, before, tree(t, w))

	installed(t, w)
	write(t, filepath.Join(w.State, "state.json"), "{}")
	uninstalled(t, w)
	assert.Equal(t, "{}", tree(t, w)[filepath.Join(w.State, "state.json")])

	steps, foreign = uninstalled(t, w)
	assert.Empty(t, steps, "nothing is installed")
	assert.Empty(t, foreign)
}

// Uninstall reports a file that was changed, and does not remove it. It does not report our lock
// file if OpenCode has replaced it.
func TestUninstallLeavesWhatBecameForeign(t *testing.T) {
	w := emptyHome(t)
	installed(t, w)
	path := w.PluginPaths(w.Configs[0])[0]
	lock := filepath.Join(w.Configs[0], opencode.LockName)
	write(t, path, "// my own plugin\n")
	write(t, lock, `{"packages": {}}`)
	_, foreign := uninstalled(t, w)
	assert.Equal(t, []string{path}, foreign)
	left := tree(t, w)
	assert.Equal(t, "// my own plugin\n", left[path])
	assert.Contains(t, left, lock)
	assert.NotContains(t, left, w.ToastFolder(path))
	assert.NotContains(t, left, w.State)
}

// Without the record, uninstall finds the files at the usual places.
func TestUninstallWithoutARecord(t *testing.T) {
	w := emptyHome(t)
	installed(t, w)
	require.NoError(t, os.Remove(w.recordPath()))
	steps, foreign := uninstalled(t, w)
	assert.Empty(t, foreign)
	assert.Len(t, steps, 4+1, "four files and the folder that is ours by its name")
	for path, content := range tree(t, w) {
		assert.Equal(t, "a folder", content, path)
	}
}

func TestRecord(t *testing.T) {
	w := emptyHome(t)
	for content, refusal := range map[string]string{
		"{":             "cannot read the record of installed files",
		`{"version":2}`: "is from a newer ocgo-key",
	} {
		write(t, w.recordPath(), content)
		_, err := w.PluginPlan()
		require.ErrorContains(t, err, refusal)
		_, err = w.Remains()
		require.ErrorContains(t, err, refusal)
	}
	var r Record
	require.NoError(t, os.Remove(w.recordPath()))
	installed(t, w)
	content, err := os.ReadFile(w.recordPath())
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &r))
	assert.Equal(t, recordVersion, r.Version)
	assert.True(t, slices.ContainsFunc(r.Files, func(path string) bool { return filepath.Base(path) == opencode.PluginName }))
}

// The shim runs the first opencode on PATH that is not a shim. PathLines returns lines until the
// shim comes first.
func TestShim(t *testing.T) {
	w := emptyHome(t)
	_, err := w.ShimPlan()
	require.ErrorIs(t, err, ErrNoOpenCode)

	name := "opencode"
	if runtime.GOOS == "windows" {
		name, w.Shim = "opencode.exe", w.Shim+".cmd"
	}
	real := filepath.Join(home(w), "real", name)
	write(t, real, "\x7fELF\x00")
	require.NoError(t, os.Chmod(real, 0o700))
	w.Search = filepath.Dir(real)
	p, err := w.ShimPlan()
	require.NoError(t, err)
	assert.NotEmpty(t, w.PathLines())
	require.NoError(t, p.Apply())

	w.Search = filepath.Dir(w.Shim) + string(filepath.ListSeparator) + w.Search
	found, err := w.RealOpenCode()
	require.NoError(t, err)
	assert.Equal(t, real, found)
	assert.Empty(t, w.PathLines())
	p, err = w.ShimPlan()
	require.NoError(t, err)
	assert.True(t, p.Idle())

	steps, _ := uninstalled(t, w)
	assert.Contains(t, lines(steps), "remove  "+w.Shim+"\n")
	assert.NotContains(t, tree(t, w), filepath.Dir(filepath.Dir(w.Shim)))
	assert.Contains(t, tree(t, w), real)
}
