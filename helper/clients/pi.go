package clients

import (
	"cmp"
	_ "embed"
	"errors"
	"path/filepath"
	"slices"
)

//go:embed pi.js
var piExtension []byte

// ErrNoFile means that the file with pi's extension could not be written. Without it, pi would send
// the token to the service.
var ErrNoFile = errors.New("pi needs a file in the temporary folder")

// piCommands are the first arguments with which pi uses no model.
var piCommands = []string{"install", "remove", "uninstall", "update", "list", "config"}

// pi is the coding agent pi. It has a provider opencode-go, whose address can only be set by an
// extension or by a file in pi's folder. Source: pi's docs/custom-provider.md.
var pi = Client{Name: "pi", Extension: piExtension, settings: func(start Start, _ Gateway) (Settings, error) {
	var s Settings
	if len(start.Args) > 0 && slices.Contains(piCommands, start.Args[0]) {
		return s, nil
	}
	if start.File == "" {
		return s, ErrNoFile
	}
	s.Args = []string{"-e", start.File}
	folder := cmp.Or(start.Getenv("PI_CODING_AGENT_DIR"), filepath.Join(start.Home, ".pi", "agent"))
	s.Model = cmp.Or(start.flag("--model", "--models", "--provider"),
		piDefault(filepath.Join(start.Dir, ".pi", "settings.json")), piDefault(filepath.Join(folder, "settings.json")))
	if s.Model == "" && start.flag("--list-models") == "" {
		s.Args = append(s.Args, "--provider", goProvider, "--model", chatModel)
	}
	return s, nil
}}

// piDefault returns file if it chooses a model of the service; else an empty string. A model of
// another provider would not use the gateway.
func piDefault(file string) string {
	if valueIn(file, "defaultProvider") == goProvider && valueIn(file, "defaultModel") != "" {
		return file
	}
	return ""
}
