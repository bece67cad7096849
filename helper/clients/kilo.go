package clients

import (
	"cmp"
	"errors"
	"path/filepath"

	"ocgo-key/helper/opencode"
)

// goProvider is the id of the service's provider in OpenCode, and in clients that have it too.
const goProvider = opencode.GoProvider

// KiloContent is the environment variable with Kilo's configuration content.
const KiloContent = "KILO_CONFIG_CONTENT"

// ErrKiloContent means that the user's KiloContent cannot be merged. Its text never quotes it.
var ErrKiloContent = errors.New(KiloContent + " cannot be used: the value is not a JSON configuration")

// kilo is the Kilo CLI, which is based on OpenCode 1 and has the same configuration.
var kilo = Client{Name: "kilo", settings: func(start Start, gw Gateway) (Settings, error) {
	var s Settings
	user := start.Getenv(KiloContent)
	content, err := opencode.MergeConfig(user, map[string]opencode.Endpoint{
		goProvider: {BaseURL: gw.base(), Headers: map[string]string{gw.Header: gw.Token}},
	})
	if err != nil {
		return s, ErrKiloContent
	}
	if s.Model = cmp.Or(start.flag("-m", "--model"), kiloSetting(start, user)); s.Model == "" {
		if content, err = opencode.SetModel(content, goProvider+"/"+chatModel); err != nil {
			return s, ErrKiloContent
		}
	}
	s.Set = []Variable{{KiloContent, content, true}}
	if user != "" {
		s.Set = append(s.Set, Variable{RecordVariable, user, true})
	}
	return s, nil
}}

// kiloSetting returns where the user's configuration sets a model, or an empty string.
func kiloSetting(start Start, content string) string {
	if valueOf([]byte(content), "model") != "" {
		return KiloContent
	}
	folder := filepath.Join(cmp.Or(start.Getenv("XDG_CONFIG_HOME"), filepath.Join(start.Home, ".config")), "kilo")
	var files []string
	for _, dir := range []string{start.Dir, filepath.Join(start.Dir, ".kilo"), filepath.Join(start.Dir, ".kilocode"), start.Getenv("KILO_CONFIG_DIR"), folder} {
		if dir == "" {
			continue
		}
		for _, name := range []string{"kilo.jsonc", "kilo.json", "opencode.jsonc", "opencode.json", "config.json"} {
			files = append(files, filepath.Join(dir, name))
		}
	}
	if file := start.Getenv("KILO_CONFIG"); file != "" {
		files = append(files, file)
	}
	return setting(files, "model")
}
