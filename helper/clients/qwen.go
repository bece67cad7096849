package clients

import (
	"cmp"
	"path/filepath"
)

// chatModel is a model of the chat completions format.
const chatModel = "kimi-k2.6"

// qwen is Qwen Code. Source: https://qwenlm.github.io/qwen-code-docs/en/users/configuration/settings.
var qwen = Client{Name: "qwen", settings: func(start Start, gw Gateway) (Settings, error) {
	var s Settings
	s.set("OPENAI_BASE_URL", gw.base())
	s.set("OPENAI_API_KEY", gw.Token)
	folder := cmp.Or(start.Getenv("QWEN_HOME"), filepath.Join(start.Home, ".qwen"))
	s.Model = cmp.Or(start.flag("-m", "--model"), start.variable("OPENAI_MODEL", "QWEN_MODEL"),
		setting([]string{filepath.Join(start.Dir, ".qwen", "settings.json"), filepath.Join(folder, "settings.json")}, "model.name"))
	if s.Model == "" {
		s.set("OPENAI_MODEL", chatModel)
	}
	return s, nil
}}
