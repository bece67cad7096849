package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unpack returns the files of an npm package, and which of them are executable.
func unpack(t *testing.T, packed []byte) (files map[string]string, executable []string) {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	files = map[string]string{}
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, executable
		}
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		files[h.Name] = string(content)
		if h.Mode == 0o755 {
			executable = append(executable, h.Name)
		}
	}
}

func TestPackages(t *testing.T) {
	dist := t.TempDir()
	write := func(name string, v any) {
		content, err := json.Marshal(v)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dist, name), content, 0o600))
	}
	require.ErrorIs(t, build(dist, "me"), os.ErrNotExist)
	windows, linux := filepath.Join(dist, "ocgo-key.exe"), filepath.Join(dist, "ocgo-key")
	require.NoError(t, os.WriteFile(windows, []byte("for windows"), 0o600))
	require.NoError(t, os.WriteFile(linux, []byte("for linux"), 0o600))
	write("metadata.json", map[string]string{"tag": "v1.2.3", "version": "1.2.3", "commit": "HEAD", "date": "2020-01-01T00:00:00Z"})
	write("artifacts.json", []artifact{{Path: windows, Type: "Binary", Goos: "windows", Goarch: "amd64"}, {Path: linux, Type: "Binary", Goos: "linux", Goarch: "arm64"}, {Path: "x.zip", Type: "Archive"}})
	t.Chdir(filepath.Join("..", "..", ".."))
	require.NoError(t, build(dist, "me"))
	made := map[string][]byte{}
	for _, name := range []string{"npm/ocgo-key-1.2.3.tgz", "npm/ocgo-key-win32-x64-1.2.3.tgz", "npm/ocgo-key-linux-arm64-1.2.3.tgz", "homebrew/ocgo-key.rb"} {
		content, err := os.ReadFile(filepath.Join(dist, name))
		require.NoError(t, err)
		made[name] = content
	}
	files, executable := unpack(t, made["npm/ocgo-key-win32-x64-1.2.3.tgz"])
	assert.Equal(t, "for windows", files["package/bin/ocgo-key.exe"])
	assert.Equal(t, []string{"package/bin/ocgo-key.exe"}, executable)
	var m manifest
	require.NoError(t, json.Unmarshal([]byte(files["package/package.json"]), &m))
	assert.Equal(t, [][]string{{"win32"}, {"x64"}}, [][]string{m.OS, m.CPU})

	files, executable = unpack(t, made["npm/ocgo-key-1.2.3.tgz"])
	assert.Equal(t, []string{"package/ocgo-key.js"}, executable)
	m = manifest{}
	require.NoError(t, json.Unmarshal([]byte(files["package/package.json"]), &m))
	assert.Equal(t, map[string]string{"@ocgo-key/win32-x64": "1.2.3", "@ocgo-key/linux-arm64": "1.2.3"}, m.OptionalDependencies)
	assert.NotContains(t, files["package/package.json"], "scripts")
	for _, file := range append([]string{m.Bin["ocgo-key"]}, m.Exports["./server"], m.Exports["./tui"]) {
		assert.Contains(t, files, path.Join("package", file))
	}
	assert.Contains(t, string(made["homebrew/ocgo-key.rb"]), `tag:      "v1.2.3"`)

	require.NoError(t, build(dist, "me"))
	for name, content := range made {
		again, err := os.ReadFile(filepath.Join(dist, name))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(content, again), "%s: the same programs give the same bytes", name)
	}
}
