package opencode

import (
	_ "embed"
	"encoding/json"
	"strings"
)

var (
	//go:embed program.js
	programSource string
	//go:embed start.js
	startSource string
)

// The files of [PackageFiles] that the package's manifest names.
const (
	PackagePlugin = "plugin.js" // for the servers of both generations
	PackageToasts = "tui.js"    // for the full screen of OpenCode 2
	PackageStart  = "ocgo-key.js"
)

// PackageFiles returns the files of the npm package, by name: the plugin and the command. The
// plugin takes the values that depend on the machine from program.js.
func PackageFiles() map[string][]byte {
	adapted := strings.NewReplacer(
		"// Written by `ocgo-key install` and removed by `ocgo-key uninstall`; your changes to this file will be lost.\n", packaged,
		"// Written by ocgo-key; your changes to this file will be lost.\n", packaged,
		`"@PROGRAM@"`, "program",
		`"@PREPARED@"`, "[]",
		`"@NOTICES@"`, "notices",
		`"@ID@", setup`, `"ocgo-key-notices", setup, tui: async () => {}`, // OpenCode 1 calls tui
		`"@UNDER_RUN@"`, "false",
	)
	return map[string][]byte{
		PackagePlugin: []byte(strings.Replace(adapted.Replace(wholePlugin()), "import ", "import { notices, program } from \"./program.js\"\nimport ", 1)),
		PackageToasts: []byte(strings.Replace(adapted.Replace(toastSource), "import ", "import { notices } from \"./program.js\"\nimport ", 1)),
		PackageStart:  []byte(startSource),
		"program.js":  []byte(programSource),
	}
}

const packaged = "// Part of the npm package ocgo-key.\n"

// NamesPackage reports whether a configuration names the npm package as a plugin for this
// generation of OpenCode (1 or 2). `opencode plugin` writes the name as a string, or as the first
// element of a list with options.
func NamesPackage(config []byte, generation int) bool {
	text, _ := quoteReferences(string(config), true)
	all, err := parseObject([]byte(text))
	var plugins []json.RawMessage
	if err != nil || json.Unmarshal(all[map[int]string{1: "plugin", 2: "plugins"}[generation]], &plugins) != nil {
		return false
	}
	for _, plugin := range plugins {
		var name string
		if json.Unmarshal(plugin, &name) != nil {
			_ = json.Unmarshal(plugin, &[]any{&name}) // no other type names a plugin
		}
		if name, _, _ = strings.Cut(name, "@"); name == PluginID {
			return true
		}
	}
	return false
}
