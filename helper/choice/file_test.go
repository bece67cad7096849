package choice

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/keyform"
	"ocgo-key/internal/text"
)

// aKey looks like a key.
var aKey = "sk-" + strings.Repeat("x", 40)

func put(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

// real returns a new folder, as a path without symbolic links.
func real(t *testing.T) string {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return dir
}

func look(t *testing.T, folder, home string) string {
	t.Helper()
	file, err := Look(folder, home)
	require.NoError(t, err)
	return file.Label
}

func TestWhereTheFileIsLookedFor(t *testing.T) {
	top := real(t)
	home, project, outside := filepath.Join(top, "home"), filepath.Join(top, "home", "src", "project"), filepath.Join(top, "srv", "repo")
	for _, dir := range []string{filepath.Join(project, "deep", "er"), filepath.Join(outside, "deep", ".git-not"), filepath.Join(outside, ".git"), filepath.Join(project, ".git")} {
		require.NoError(t, os.MkdirAll(dir, 0o755))
	}
	put(t, filepath.Join(top, FileName), "Above\n")
	assert.Empty(t, look(t, project, home), "not past HOME")
	assert.Empty(t, look(t, filepath.Join(outside, "deep"), home), "not past the repository")
	put(t, filepath.Join(home, FileName), "Home\n")
	assert.Equal(t, "Home", look(t, filepath.Join(project, "deep", "er"), home), "a repository in HOME is no end")
	assert.Equal(t, "Home", look(t, home, home))
	put(t, filepath.Join(project, FileName), "Project\r\nignored\n")
	put(t, filepath.Join(outside, FileName), "\ufeff  Outside \n")
	file, err := Look(filepath.Join(project, "deep", "er"), home)
	require.NoError(t, err)
	assert.Equal(t, File{Path: filepath.Join(project, FileName), Shown: filepath.Join("..", "..", FileName), Label: "Project"}, file)
	file, err = Look(outside, home)
	require.NoError(t, err)
	assert.Equal(t, File{Path: filepath.Join(outside, FileName), Shown: "." + string(filepath.Separator) + FileName, Label: "Outside"}, file)
	assert.Equal(t, "Outside", look(t, filepath.Join(outside, "deep"), home))
	assert.Equal(t, "Above", look(t, top, home))
	assert.Empty(t, look(t, filepath.Join(top, "srv"), home), "without a repository, only the folder itself")
	assert.Empty(t, look(t, filepath.Join(top, "gone"), home))
	assert.Equal(t, "Home", look(t, filepath.Join(home, "src"), home))
}

// The search ends at a file that is not safe. No message contains its content.
func TestUnsafeFiles(t *testing.T) {
	for content, why := range map[string]string{
		aKey + "\n":                     "looks like a key",
		"Work\nkey: " + aKey:            "looks like a key",
		"":                              "first line is empty",
		"\nWork\n":                      "first line is empty",
		"Wo\x1b[31mrk\n":                "characters",
		"\xff\xfe\n":                    "not text",
		strings.Repeat("Work ", 100000): "too large",
	} {
		dir := real(t)
		put(t, filepath.Join(dir, FileName), content)
		_, err := Look(dir, "")
		require.ErrorAs(t, err, new(*Ignored), content)
		assert.ErrorContains(t, err, why)
		assert.NotContains(t, err.Error(), "sk-")
	}
}

func TestWrite(t *testing.T) {
	dir := real(t)
	file, err := Write(dir, "Work, Berlin")
	require.NoError(t, err)
	assert.Equal(t, "Work, Berlin", look(t, dir, ""))
	again, err := Look(dir, "")
	require.NoError(t, err)
	assert.Equal(t, file, again)
	_, err = Write(dir, "Personal")
	require.NoError(t, err)
	assert.Equal(t, "Personal", look(t, dir, ""))
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"Work\n", "Work, Berlin\r\nmore", "\ufeffWork", aKey, "a\x00b", "\n\n", "Work\n" + aKey} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		label, err := Parse(content)
		if err != nil {
			require.Empty(t, label)
			require.NotContains(t, err.Error(), "sk-")
			return
		}
		require.NotEmpty(t, label)
		require.True(t, utf8.ValidString(label))
		require.Equal(t, label, text.Line(label), "a label is one line, safe on a terminal")
		require.False(t, keyform.Within(string(content)), "a file with a key has no label")
		require.Contains(t, string(content), label)
		require.LessOrEqual(t, len(content), maxFile)
		again, err := Parse([]byte(label))
		require.NoError(t, err)
		require.Equal(t, label, again)
	})
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("DIRC\x00\x00\x00\x02\x00\x00\x00\x00"+strings.Repeat("h", 20)), FileName)
	f.Add([]byte("DIRC\x00\x00\x00\x04\x00\x00\x00\x01"+strings.Repeat("h", 120)), FileName)
	f.Fuzz(func(t *testing.T, index []byte, name string) {
		if len(index) < 32 {
			require.True(t, inIndex(index, name), "what cannot be read counts as tracked")
		}
		if inIndex(index, name) {
			require.True(t, inIndex(index, name), "the answer must not change")
		}
	})
}
