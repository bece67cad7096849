package completion

import "embed"

// The scripts are for one program, ocgo-key, and call its command __complete.
//
//go:embed scripts
var scripts embed.FS

// Script returns the script for bash, zsh, fish or powershell, and "" for any other shell.
func Script(shell string) string {
	file := map[string]string{"bash": "bash.sh", "zsh": "zsh.zsh", "fish": "fish.fish", "powershell": "powershell.ps1"}[shell]
	text, _ := scripts.ReadFile("scripts/" + file) // fails for any other shell
	return string(text)
}
