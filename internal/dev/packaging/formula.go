package main

import (
	_ "embed"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed formula.rb.tmpl
var formulaSource string

// formula writes the Homebrew formula. A program that Homebrew builds on the user's machine has no
// quarantine mark, so macOS runs it without a signature.
func (r *release) formula(path string) error {
	t, err := template.New("formula").Parse(formulaSource)
	if err != nil {
		return err
	}
	var text strings.Builder
	if err := t.Execute(&text, struct {
		*release
		Description string
	}{r, description}); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text.String()), 0o644)
}
