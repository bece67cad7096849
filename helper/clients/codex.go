package clients

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
)

// codexModel is a model for the responses format, the only format that Codex uses.
const codexModel = "gpt-6-luna"

// codex is OpenAI's Codex. Its variables for an address have no effect, so the provider is in its
// arguments. Codex reads the token from the variable that env_key names. When all accounts are used
// up, Codex would retry the stream and sleep; without retries it prints the message and ends.
// Values are in single quotes, which a batch file on Windows passes on. Source:
// https://developers.openai.com/codex/config-advanced.
var codex = Client{Name: "codex", settings: func(start Start, gw Gateway) (Settings, error) {
	const provider = "model_providers.ocgo."
	s := Settings{Args: []string{
		"-c", `model_provider='ocgo'`,
		"-c", provider + `name='OpenCode Go'`,
		"-c", provider + `base_url='` + gw.base() + `'`,
		"-c", provider + `env_key='` + KeyVariable + `'`,
		"-c", provider + `stream_max_retries=0`,
	}}
	folder := cmp.Or(start.Getenv("CODEX_HOME"), filepath.Join(start.Home, ".codex"))
	s.Model = cmp.Or(start.flag("-m", "--model"), start.codexOverride(), codexSetting(filepath.Join(start.Dir, ".codex", "config.toml")), codexSetting(filepath.Join(folder, "config.toml")))
	if profile := start.value("-p", "--profile"); s.Model == "" && profile != "" {
		s.Model = codexSetting(filepath.Join(folder, profile+".config.toml"))
	}
	if s.Model == "" {
		s.Args = append(s.Args, "-c", `model='`+codexModel+`'`)
	}
	return s, nil
}}

// codexOverride returns the flag that sets the setting "model", or an empty string.
func (s Start) codexOverride() string {
	for i, arg := range s.Args {
		if i > 0 && (s.Args[i-1] == "-c" || s.Args[i-1] == "--config") && strings.HasPrefix(arg, "model=") {
			return s.Args[i-1]
		}
	}
	return s.flag("-cmodel", "--config=model")
}

// codexSetting returns file if it sets a model before its first table; else an empty string.
func codexSetting(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "[") {
			break
		}
		if name, _, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) == "model" {
			return file
		}
	}
	return ""
}
