package clients

import (
	"cmp"
	"path/filepath"
	"slices"
)

// chatModel is a model of the chat completions format.
const chatModel = "kimi-k2.6"

// qwenCommands are the first arguments with which Qwen Code uses no model.
var qwenCommands = []string{"auth", "board", "channel", "extensions", "hooks", "mcp", "review", "sandbox", "serve", "sessions", "update"}

// qwen is Qwen Code. Source:
// https://qwenlm.github.io/qwen-code-docs/en/users/configuration/settings.
var qwen = Client{Name: "qwen", settings: func(start Start, gw Gateway) (Settings, error) {
	var s Settings
	s.set("OPENAI_BASE_URL", gw.base())
	s.set("OPENAI_API_KEY", gw.Token)
	folder := cmp.Or(start.Getenv("QWEN_HOME"), filepath.Join(start.Home, ".qwen"))
	files := []string{filepath.Join(start.Dir, ".qwen", "settings.json"), filepath.Join(folder, "settings.json")}
	s.Model = cmp.Or(start.flag("-m", "--model"), start.variable("OPENAI_MODEL", "QWEN_MODEL"), setting(files, "model.name"))
	if s.Model == "" {
		s.set("OPENAI_MODEL", chatModel)
	}
	// A stored login has precedence over the variables.
	asks := len(start.Args) == 0 || !slices.Contains(qwenCommands, start.Args[0])
	if asks && setting(files, "security.auth.selectedType") != "" && start.flag("--auth-type") == "" {
		s.Args = []string{"--auth-type", "openai"}
	}
	return s, nil
}}
